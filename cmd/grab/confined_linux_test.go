package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
)

// childOf waits for the process that does a task for another, and returns its id.
func childOf(t *testing.T, parent int, task string, ended <-chan struct{}) int {
	t.Helper()
	for {
		select {
		case <-ended:
			return 0
		default:
		}
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, name := range stats {
			b, err := os.ReadFile(name)
			if err != nil {
				continue
			}
			_, rest, _ := strings.Cut(string(b), ") ")
			if f := strings.Fields(rest); len(f) < 2 || f[1] != strconv.Itoa(parent) {
				continue
			}
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
			if a := strings.Split(strings.TrimRight(string(args), "\x00"), "\x00"); len(a) == 3 && a[1] == analysis.Command && taskOf(a[2]) == task {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
				return pid
			}
		}
	}
}

// killed is what `grab now` came to whose first process with that task was killed with
// SIGKILL, as the kernel does where memory ends.
func killed(t *testing.T, c *labConfig, task string) result {
	t.Helper()
	hold := filepath.Join(c.Dir, "store", holdsAnalysis+task)
	if err := os.MkdirAll(filepath.Dir(hold), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	cmd := program("-c", c.Path, "now", "--json", "--before", "1m")
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	child := childOf(t, cmd.Process.Pid, task, ended)
	if child == 0 {
		t.Fatalf("no process analysed: %s%s", &out, &said)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	os.Remove(hold)
	<-ended
	return result{code: cmd.ProcessState.ExitCode(), out: out.String(), err: said.String()}
}

// TestContentsKilled: where the look over a host's records ends by force, the incident is
// complete, with its report, and the host's row says what is not known of it.
func TestContentsKilled(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Name: "expc01", Role: "C", Logs: lab.LogConfig{Rate: 50}})
	r := killed(t, c, "contents")
	var m evidence.Manifest
	r.decode(t, &m)
	h := m.Hosts[0]
	if r.code != 0 || m.Coverage != evidence.Complete || m.Registration == nil || h.Files[0].Records == 0 || h.Files[0].First == nil {
		t.Fatalf("%s", r)
	}
	if h.BodiesLogged != "unknown" || len(h.OwnAddresses) > 0 || !strings.Contains(strings.Join(m.Notes, "\n"), "its records were not looked over: its process ended: signal: killed") {
		t.Errorf("bodies %s, addresses %v, notes %q", h.BodiesLogged, h.OwnAddresses, m.Notes)
	}
	r = c.grab("now", "--json", "--before", "1m")
	r.decode(t, &m)
	if h := m.Hosts[0]; h.BodiesLogged == "unknown" || len(h.OwnAddresses) == 0 || strings.Contains(strings.Join(m.Notes, "\n"), "looked over") {
		t.Errorf("the next one: bodies %s, addresses %v, notes %q", h.BodiesLogged, h.OwnAddresses, m.Notes)
	}
}

// TestAnalysisKilled: the real program, whose analysis is killed with SIGKILL as the kernel
// does where memory ends, seals the complete incident without a report and says so; `grab
// retry` adds it as a second revision with the same logs.
func TestAnalysisKilled(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Name: "expc01", Role: "C", Logs: lab.LogConfig{Rate: 50}}, lab.ExpresswayConfig{Name: "expe01", Role: "E"})
	r := killed(t, c, "report")
	var first, second struct {
		evidence.Manifest
		Bundle string `json:"bundle"`
	}
	r.decode(t, &first)
	if r.code != 0 || first.Coverage != evidence.Complete || first.Registration != nil || !strings.Contains(first.NoReport, "signal: killed") {
		t.Fatalf("%s", r)
	}
	for _, args := range [][]string{{"show", first.Bundle}, {"show", first.Incident}} {
		if r := c.grab(args...); !strings.Contains(r.out, "no report on the REGISTER messages: its process ended: signal: killed") {
			t.Errorf("%s", r)
		}
	}

	r = c.grab("retry", "--json", first.Incident)
	r.decode(t, &second)
	if r.code != 0 || second.Revision != 2 || second.NoReport != "" || second.Registration == nil || strings.Contains(fmt.Sprint(second.Notes), "no report") {
		t.Fatalf("%s", r)
	}
	for i, h := range first.Hosts {
		for j, f := range h.Files {
			if f.SHA256 != second.Hosts[i].Files[j].SHA256 {
				t.Errorf("%s of %s is another than before", f.Family, h.Host)
			}
		}
	}
	if res, err := bundle.Verify(t.Context(), second.Bundle); err != nil || !res.OK {
		t.Errorf("%+v, %v", res.Bad, err)
	}
	if r := c.grab("retry", first.Incident); r.code != 0 || !strings.Contains(r.err, "nothing to retry") {
		t.Errorf("%s", r)
	}
	parts, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(first.Bundle)), "incidents", "*", "*.part"))
	if len(parts) > 0 {
		t.Errorf("left behind: %v", parts)
	}
}
