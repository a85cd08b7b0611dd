package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/wiring"
)

// Appliances whose logs have rotated away when the mail comes:
// watch has kept a ring, and the bundle is complete, record by record. grab now
// reads the ring beside it, and one host's part is there when the host is not.
func TestRealRing(t *testing.T) {
	t.Parallel()
	s := newRealSite(t, func(s *realSite, _ *[]testserver.SSHDOptions) {
		s.window, s.more = "{before: 1s, after: 1s}", "ring: {enabled: true, every: 1s, keep: 2m}\n"
	})
	stop := s.watch()
	ring := filepath.Join(s.dir, s.store, "ring")
	s.ringsReach(ring, time.Now())
	at := time.Now().Add(time.Second).Truncate(time.Second) // as the mail's sentence says it
	w := evidence.NewWindow(at.Add(-time.Second), at.Add(time.Second))
	s.ringsReach(ring, w.Until.Add(time.Second))
	for range rotateKeep + 1 { // the peers rotate it all away
		for _, p := range s.peers {
			for _, f := range lab.Families() {
				if err := p.Rotate(f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if !s.gone(w) {
		t.Fatal("the peers still have some of the window")
	}
	late := time.Now()
	s.alert(rtmt.MailOptions{Time: at, Zone: wiring.ZoneNamed("America/New_York")})
	l := s.sealed(1)[0]
	if l.Coverage != evidence.Complete {
		t.Errorf("%+v", l)
	}
	m := s.checkSlices(l.Bundle, w)
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			if f.Coverage != evidence.Complete || len(f.Sources) == 0 || f.Sources[0].From != "ring" {
				t.Errorf("%s %s: %+v %+v", h.Host, f.Family, f.Sources, f.Missing)
			}
		}
		if len(h.Ring) != 3 || h.Ring[0].Bytes == 0 || h.Ring[0].PerMin == 0 {
			t.Errorf("%s: %+v", h.Host, h.Ring)
		}
	}
	t.Logf("the mail came %v after the event", late.Sub(at).Round(time.Second))

	s.sshd[1].Stop()
	code, out, errOut := s.grab("now", "--json", "--at", at.Add(time.Second).Format(time.RFC3339), "--before", "2s", "--patience", "1s")
	var got oneshot.Outcome
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.Hosts[1].Error == "" || got.Coverage != evidence.Complete {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	s.checkSlices(got.Bundle, w)
	if _, out, _ := s.grab("check", "expc01"); !strings.Contains(out, "reaches back") {
		t.Errorf("check says nothing of the ring:\n%s", out)
	}
	if log := stop(syscall.SIGTERM); strings.Count(log, "ring up") != 2 || strings.Count(log, "ring down") > 1 {
		t.Errorf("watch said:\n%s", log)
	}
	if info, err := os.Stat(filepath.Join(ring, "expc01", "network_log")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
	// without rings in the configuration what they kept goes
	s.more = ""
	s.write()
	stop = s.watch()
	s.until("sealed")
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(ring, "expc01")); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the rings are still there")
		}
	}
	stop(syscall.SIGTERM)
}

// ringsReach waits until all rings have all that was logged before t.
func (s *realSite) ringsReach(dir string, t time.Time) {
	s.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		n := 0
		for _, host := range []string{"expc01", "expe01"} {
			costs, err := ring.Cost(filepath.Join(dir, host), lab.Families())
			if err != nil {
				s.t.Fatal(err)
			}
			for _, c := range costs {
				if c.Until.After(t) {
					n++
				}
			}
		}
		if n == 6 {
			return
		}
	}
	s.t.Fatalf("the rings have not come to %v", t)
}

// gone reports whether no peer has a record of w any more.
func (s *realSite) gone(w evidence.Window) bool {
	for _, p := range s.peers {
		for _, f := range lab.Families() {
			for _, r := range p.Truth(f) {
				if w.Contains(r.Time) && r.GoneAt.IsZero() {
					return false
				}
			}
		}
	}
	return true
}
