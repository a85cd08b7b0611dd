package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/wiring"
)

// TestKill kills `grab watch` without a warning at moments that sweep over the
// whole of an incident, from before the mail is seen to after the seal, and again
// while it recovers: after the last start there is exactly one bundle, complete
// and intact, and nothing half-written.
func TestKill(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.window = "{before: 10s, after: 1s}"
	for i := range 8 {
		if testrace.Skips(i, 4) {
			continue
		}
		delay := time.Duration(50+330*i) * time.Millisecond
		s.store, s.mailbox = "store-"+delay.String(), "Box"+strings.ReplaceAll(delay.String(), ".", "")
		s.write()
		s.mail.Deliver(s.mailbox, []byte("Subject: hello\r\n\r\nno alert\r\n"))
		stop := s.watch()
		at := time.Now()
		s.alert(rtmt.MailOptions{Time: at, Zone: wiring.ZoneNamed("America/New_York")})
		time.Sleep(delay)
		stop(os.Kill)
		stop = s.watch()
		time.Sleep(delay / 2)
		stop(os.Kill)
		stop = s.watch()
		s.sealed(1)
		stop(os.Interrupt)

		bundles, err := filepath.Glob(filepath.Join(s.dir, s.store, "bundles", "*"))
		if err != nil || len(bundles) != 1 || !strings.HasSuffix(bundles[0], ".zip") {
			t.Fatalf("killed after %v: %v %v", delay, bundles, err)
		}
		_, out, _ := s.grab("list", "--json")
		var list []incident.Listed
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Coverage != evidence.Complete || list[0].Bundle != bundles[0] {
			t.Errorf("killed after %v: %s", delay, out)
		}
		at = at.Truncate(time.Second)
		s.checkSlices(bundles[0], evidence.NewWindow(at.Add(-10*time.Second), at.Add(time.Second)))
	}
}

// TestRestartBetweenPasses: a peer's sshd restarts between the first pass and
// the second; the second takes up what the first left, and nothing is missing.
func TestRestartBetweenPasses(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.window = "{before: 10s, after: 5s}"
	s.write()
	s.watch()
	at := time.Now()
	s.alert(rtmt.MailOptions{Time: at, Zone: wiring.ZoneNamed("America/New_York")})
	time.Sleep(2500 * time.Millisecond)
	for _, d := range s.sshd {
		d.DropSessions()
		d.Restart()
	}
	l := s.sealed(1)[0]
	at = at.Truncate(time.Second)
	m := s.checkSlices(l.Bundle, evidence.NewWindow(at.Add(-10*time.Second), at.Add(5*time.Second)))
	if m.Coverage != evidence.Complete {
		t.Errorf("%s %+v", m.Coverage, m.Hosts)
	}
}
