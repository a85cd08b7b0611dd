//go:build !windows

package main

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/wiring"
)

// The processes that serve SFTP die at both hosts while the connections stand: before an
// alert, and while an incident holds files. Nothing but another channel is needed.
func TestRealChannelDies(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.window = "{before: 10s, after: 5s}"
	s.write()
	s.watch()
	for _, d := range s.sshd {
		d.WaitLog("subsystem 'sftp'", 2)
		for n := 0; n < 2; n += d.KillChannels() { // a process takes a moment to be known for what it does
			time.Sleep(10 * time.Millisecond)
		}
	}
	s.alert(rtmt.MailOptions{Time: time.Now(), Node: "cucm01", Zone: wiring.ZoneNamed("America/New_York")})
	s.until(`"coverage": "partial"`) // held and copied, and more is to come
	for _, d := range s.sshd {
		d.KillChannels()
	}
	for _, l := range s.sealed(1) {
		if l.Coverage != evidence.Complete {
			t.Errorf("%+v", l)
		}
	}
	for i, d := range s.sshd {
		if n := strings.Count(d.Log(), "Accepted publickey"); n != 1 {
			t.Errorf("host %d: %d logins, want 1", i, n)
		}
	}
}
