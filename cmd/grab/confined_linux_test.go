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
)

// childOf waits for the process that analyses for another, and returns its id.
func childOf(t *testing.T, parent int, ended <-chan struct{}) int {
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
			if bytes.Contains(args, []byte(analysis.Command)) {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
				return pid
			}
		}
	}
}

// TestAnalysisKilled: the real program, whose analysis is killed with SIGKILL as the kernel
// does where memory ends, seals the complete incident without a report and says so; `grab
// retry` adds it as a second revision with the same logs.
func TestAnalysisKilled(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Name: "expc01", Role: "C", Logs: lab.LogConfig{Rate: 50}}, lab.ExpresswayConfig{Name: "expe01", Role: "E"})
	hold := filepath.Join(filepath.Join(c.Dir, "store"), holdsAnalysis)
	if err := os.MkdirAll(filepath.Join(c.Dir, "store"), 0o700); err != nil {
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
	child := childOf(t, cmd.Process.Pid, ended)
	if child == 0 {
		t.Fatalf("no process analysed: %s%s", &out, &said)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	os.Remove(hold)
	<-ended
	var first, second struct {
		evidence.Manifest
		Bundle string `json:"bundle"`
	}
	r := result{code: cmd.ProcessState.ExitCode(), out: out.String(), err: said.String()}
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
