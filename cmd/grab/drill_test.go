//go:build !windows

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
)

// drilled runs `grab drill --json` and returns what came of it.
func (s *realSite) drilled(code int) drill.Result {
	s.t.Helper()
	got, out, errOut := s.grab("drill", "--json")
	var r drill.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil || got != code || r.OK != (code == 0) {
		s.t.Fatalf("exit %d, %v\n%s%s", got, err, out, errOut)
	}
	return r
}

// stepsOf are the steps by name and host, with "!" before those that failed.
func stepsOf(r drill.Result) (list []string) {
	for _, s := range r.Steps {
		name := strings.TrimSpace(s.Step + " " + s.Host)
		if !s.OK {
			name = "!" + name
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// The way from a mail to a verified bundle, rehearsed beside Dovecot and OpenSSH: it leaves
// nothing behind, gives way to an alert, names the host that fails, and ends when told to.
func TestRealDrill(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	if code, _, errOut := s.grab("drill"); code != 1 || !strings.Contains(errOut, "no grab watch answers") || !strings.Contains(errOut, "hint: start it") {
		t.Errorf("%d %s", code, errOut)
	}
	s.watch()
	testsite.Until(t, "it works", func() bool { code, _, _ := s.grab("status"); return code == 0 })
	whole := []string{"arrived", "copied expc01", "copied expe01", "held expc01", "held expe01", "recognised", "sealed", "sent", "verified"}
	r := s.drilled(0)
	if got := stepsOf(r); !slices.Equal(got, whole) || len(r.Notes) != 0 || r.Site != "hq" || r.Scheduled {
		t.Errorf("%v %+v", got, r)
	}
	s.nothingLeft()
	var st status.Report
	if _, out, _ := s.grab("status", "--json"); json.Unmarshal([]byte(out), &st) != nil || len(st.Drills) != 1 || !st.Drills[0].OK || st.Drills[0].Scheduled || !st.Clusters[0].Mail.IsZero() {
		t.Errorf("%+v", st)
	}

	// An alert in the midst of a drill has an incident of its own, whole.
	s.sshd[1].Stop()
	done := make(chan drill.Result)
	go func() { _, out, _ := s.grab("drill", "--json"); done <- decoded[drill.Result](out) }()
	testsite.Until(t, "the drill", func() bool { return s.onDisk() == 1 })
	s.alert(rtmt.MailOptions{Time: time.Now()})
	testsite.Until(t, "the alert's incident", func() bool { return len(s.incidents()) == 1 })
	s.sshd[1].Restart()
	if r := <-done; !r.OK && r.Failed().Host != "expe01" {
		t.Errorf("%+v", r)
	}
	if list := s.sealed(1); len(list) != 1 || list[0].Coverage != evidence.Complete {
		t.Errorf("%+v", list)
	}
	if got := s.alerts(3); got[0].What != "" || len(got[0].Sites) != 1 || got[0].Sites[0].Why != "news" {
		t.Errorf("%+v", got)
	}

	// Nobody waits for a drill that was broken off; a host that is down is named.
	s.sshd[1].Stop()
	cmd := program("-c", s.config, "drill")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testsite.Until(t, "the drill", func() bool { return s.onDisk() == 2 })
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Error(err)
	}
	testsite.Until(t, "its end", func() bool { return s.onDisk() == 1 })
	if r := s.drilled(1); !slices.Contains(stepsOf(r), "!held expe01") || !slices.Contains(stepsOf(r), "copied expc01") || r.Failed().What == "" {
		t.Errorf("%+v", r)
	}
	if code, out, _ := s.grab("status"); code == 2 || !strings.Contains(out, "hq: FAILED") || strings.Contains(out, "scheduled drill") {
		t.Errorf("%d %s", code, out)
	}
}

func decoded[T any](doc string) (v T) {
	json.Unmarshal([]byte(doc), &v)
	return v
}

func (s *realSite) incidents() []incident.Listed {
	s.t.Helper()
	_, out, _ := s.grab("list", "--json")
	return decoded[[]incident.Listed](out)
}

// onDisk is how many incidents there are, a drill's too.
func (s *realSite) onDisk() int {
	s.t.Helper()
	list, err := filepath.Glob(filepath.Join(s.dir, s.store, "incidents", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(list)
}

// nothingLeft: of a drill there is a record of its mail, and nothing else.
func (s *realSite) nothingLeft() {
	s.t.Helper()
	for _, dir := range []string{"incidents", "bundles", "mails"} {
		if left, err := filepath.Glob(filepath.Join(s.dir, s.store, dir, "*")); err != nil || len(left) != 0 {
			s.t.Errorf("%v, %v", left, err)
		}
	}
	if mails := s.mail.Flags(""); len(mails) != 0 {
		s.t.Errorf("in the mailbox: %v", mails)
	}
	if got := s.alerts(1); got[0].What != incident.Drilled || len(got[0].Sites) != 0 {
		s.t.Errorf("%+v", got)
	}
}
