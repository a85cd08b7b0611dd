package main

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/collector/winservice"
	"rtmtgrab/internal/config"
)

func TestServiceCommand(t *testing.T) {
	if runtime.GOOS != "windows" {
		for _, what := range []string{"install", "uninstall", "start", "stop", "reload", "status"} {
			if r := runGrab("service", what); r.code != advice.BadUsage || !strings.Contains(r.err, "for Windows") || !strings.Contains(r.err, "configs/grab.service") || r.out != "" {
				t.Errorf("%s: %s", what, r)
			}
		}
		if r := runGrab("watch", "--service"); r.code != advice.BadUsage || !strings.Contains(r.err, "for Windows") {
			t.Error(r)
		}
	}
	for _, args := range [][]string{{"service"}, {"service", "pause"}, {"service", "status", "x"}} {
		if r := runGrab(args...); r.code != advice.BadUsage || r.out != "" {
			t.Errorf("%q: %s", args, r)
		}
	}
	if setup.NewConfig("linux") != "grab.yaml" || setup.NewConfig("windows") != config.SystemPlace() {
		t.Error("where init writes")
	}
	if h := advice.Start("windows") + advice.Asker("windows"); !strings.Contains(h, "grab service start") || strings.Contains(h, "systemctl") || strings.Contains(h, "root") {
		t.Error(h)
	}
	if h := advice.Start("linux") + advice.Asker("linux"); !strings.Contains(h, "systemctl start grab") || !strings.Contains(h, "as root") {
		t.Error(h)
	}
}

// What scripts read of a service.
func TestServiceReport(t *testing.T) {
	for _, c := range []struct {
		report     winservice.Report
		text, json string
	}{
		{winservice.Report{Service: "grab", State: "absent", Logs: "L"}, "service grab: absent\n  logs     L\n",
			"{\n  \"service\": \"grab\",\n  \"state\": \"absent\",\n  \"logs\": \"L\"\n}\n"},
		{winservice.Report{Service: "grab", State: "running", Account: `NT SERVICE\grab`, Start: "automatic", Command: "grab.exe watch", PID: 7, Logs: "L"},
			"service grab: running\n  account  NT SERVICE\\grab\n  start    automatic\n  command  grab.exe watch\n  logs     L\n",
			"{\n  \"service\": \"grab\",\n  \"state\": \"running\",\n  \"account\": \"NT SERVICE\\\\grab\",\n  \"start\": \"automatic\",\n  \"command\": \"grab.exe watch\",\n  \"pid\": 7,\n  \"logs\": \"L\"\n}\n"},
	} {
		for json, want := range map[bool]string{false: c.text, true: c.json} {
			var out bytes.Buffer
			if err := printService(&app{out: &out, json: json}, c.report); err != nil || out.String() != want {
				t.Errorf("%q, %v\nwant %q", out.String(), err, want)
			}
		}
		if c.report.Running() != (c.report.State == "running") {
			t.Error("running", c.report.State)
		}
	}
}
