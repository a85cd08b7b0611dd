//go:build !windows

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/testserver"
)

// gone waits until n sessions of the server have ended, in either way in which it
// notices.
func gone(t *testing.T, d *testserver.SSHD, n int) {
	t.Helper()
	ends := regexp.MustCompile(`Closing connection to|Read error from remote host`)
	for deadline := time.Now().Add(time.Minute); len(ends.FindAllString(d.Log(), -1)) < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions have not ended:\n%s", n, d.Log())
		}
	}
}

// While the site is paused its hosts are left alone, by warm sessions and rings too,
// and its alerts are recorded. Afterwards an alert of a kind of its own goes by its
// route to a grab of that kind's logs.
func TestPauseWatch(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.window = "{before: 5s, after: 1s}"
	s.more = "ring: {enabled: true, every: 1s}\nalerts: {kinds: [{name: trunk, match: SIPTrunkOOS, window: {before: 3s}, families: [network_log, absent_log]}]}\n" +
		"routes: [{to: rtmt+hq@example.com, sites: [hq]}]\n"
	s.write()
	stop := s.watch()
	for _, d := range s.sshd {
		d.WaitLog("Accepted publickey", 1)
	}
	if code, out, errOut := s.grab("pause", "--site", "hq", "--for", "1h", "--reason", "upgrade", "--json"); code != 0 || !strings.Contains(out, `"reason": "upgrade"`) {
		t.Fatal(code, out, errOut)
	}
	for _, d := range s.sshd {
		gone(t, d, 1)
	}
	n := 0
	alert := func() {
		n++
		s.mail.Deliver(s.mailbox, fmt.Appendf(nil, "From: rtmt@example.com\r\nTo: RTMT+HQ@example.com\r\nMessage-ID: <%d@x>\r\nDate: %s\r\nSubject: [RTMT-ALERT-unknown] SIPTrunkOOS\r\n\r\nSIPTrunkOOS\r\n",
			n, time.Now().Format(time.RFC1123Z)))
	}
	alert()
	list := s.alerts(1)
	if got := list[0].Sites[0]; got.What != incident.Paused || !strings.Contains(got.Why, "upgrade") || list[0].Kind != "trunk" || !strings.HasPrefix(list[0].Routed, "routes[0]") {
		t.Errorf("%+v", list)
	}
	for _, d := range s.sshd {
		if got := strings.Count(d.Log(), "Accepted publickey"); got != 1 {
			t.Errorf("%d logins of a paused host", got)
		}
	}
	if code, out, errOut := s.grab("resume", "--site", "hq"); code != 0 || !strings.Contains(out, "nothing is paused") {
		t.Fatal(code, out, errOut)
	}
	for _, d := range s.sshd {
		d.WaitLog("Accepted publickey", 2)
	}
	alert()
	l := s.sealed(1)[0]
	_, out, _ := s.grab("show", l.Bundle, "--json")
	var m evidence.Manifest
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err, out)
	}
	if m.Asked.Length() != 4*time.Second || len(m.Alerts) != 1 || m.Alerts[0].Kind != "trunk" || m.Alerts[0].Folder == "" || m.Alerts[0].Mailbox == "" || len(m.Alerts[0].Recipients) != 1 {
		t.Errorf("%+v %+v", m.Asked, m.Alerts)
	}
	for _, h := range m.Hosts {
		if len(h.Files) != 2 || h.Files[0].Family != "network_log" || h.Files[0].Coverage != evidence.Complete || h.Files[1].Coverage != evidence.Lost || h.Files[1].Missing[0].Reason != evidence.ReasonAbsent {
			t.Errorf("%s: %+v", h.Host, h.Files)
		}
	}
	if log := stop(os.Interrupt); !strings.Contains(log, "msg=paused") && !strings.Contains(log, `msg="paused:`) || !strings.Contains(log, "the pause is over") {
		t.Error(log)
	}
}

// alerts waits until n alerts are listed.
func (s *realSite) alerts(n int) (list []incident.ListedAlert) {
	s.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, out, _ := s.grab("list", "--alerts", "--json"); json.Unmarshal([]byte(out), &list) == nil && len(list) >= n {
			return list
		}
	}
	s.t.Fatalf("%+v after a minute, want %d alerts", list, n)
	return nil
}
