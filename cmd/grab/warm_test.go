//go:build !windows

package main

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/wiring"
)

// Over two incidents a warm host is logged in to once, before the first of them,
// and one with ssh.warm: false for each. A reload changes which are warm.
func TestWarmWatch(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.window = "{before: 5s, after: 1s}"
	s.write()
	s.cold(1)
	cmd := program("watch", "-c", s.config)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	defer func() { cmd.Process.Kill(); <-ended }()

	s.sshd[0].WaitLog("Accepted publickey", 1)
	for n := range 2 {
		s.alert(rtmt.MailOptions{Time: time.Now(), Node: []string{"cucm01", "cucm02"}[n], Zone: wiring.ZoneNamed("America/New_York")})
		for _, l := range s.sealed(n + 1) {
			if l.Coverage != evidence.Complete {
				t.Errorf("%+v", l)
			}
		}
	}
	s.logins(1, 2)
	gone(t, s.sshd[1], 2) // or the keeper would take it over

	s.write()
	s.cold(0)
	cmd.Process.Signal(syscall.SIGHUP)
	s.sshd[1].WaitLog("Accepted publickey", 3)
	s.alert(rtmt.MailOptions{Time: time.Now(), Node: "cucm03", Zone: wiring.ZoneNamed("America/New_York")})
	s.sealed(3)
	s.logins(2, 3)

	s.sshd[1].Freeze()
	cmd.Process.Signal(os.Interrupt)
	<-ended
	if !strings.Contains(log.String(), "msg=stopped") || strings.Contains(log.String(), "warm session lost") {
		t.Errorf("it says\n%s", log.String())
	}
}

// cold gives a host ssh.warm: false.
func (s *realSite) cold(host int) {
	s.t.Helper()
	b, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	role := []string{"role: C", "role: E"}[host]
	s.file("grab.yaml", bytes.Replace(b, []byte(role), []byte("ssh: {warm: false}, "+role), 1))
}

// logins compares how often the hosts have been logged in to.
func (s *realSite) logins(want ...int) {
	s.t.Helper()
	for i, d := range s.sshd {
		if n := strings.Count(d.Log(), "Accepted publickey"); n != want[i] {
			s.t.Errorf("%s: %d logins, want %d", []string{"expc01", "expe01"}[i], n, want[i])
		}
	}
}
