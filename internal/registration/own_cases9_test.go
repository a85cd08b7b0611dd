package registration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/registration/judge"
)

// atE writes a REGISTER of the phone that E answers itself with a code, and does not send on.
func (p *bkPhone) atE(at time.Duration, code int, head ...string) {
	p.cseq++
	m := bkMsg{call: p.call, user: p.number, to: p.to, cseq: p.cseq, expires: 3600, branch: fmt.Sprintf("z9hG4bKp%d", bkNext()),
		contact: fmt.Sprintf(`<sip:u%s@192.0.2.35:5061;transport=tls>;+u.sip!devicename.ccm.cisco.com="%s"`, p.mac, p.dev)}
	if p.dev == "" {
		m.contact = "<sip:" + p.number + "@198.51.100.7:5060>"
	}
	p.e.sip(at, false, 5061, "198.51.100.7", p.src, m)
	m.code, m.expires, m.contact, m.head = code, -1, "", append(head, "Server: TANDBERG/4137 (X14.0.3)")
	p.e.sip(at+2*time.Millisecond, true, 5061, "198.51.100.7", p.src, m)
}

// Truth: E itself refused the phone with 403, by policy, for three minutes, and to the end. Said was, likely:
// "REGISTERs that were lost between Expressway-E and -C".
func TestOwnTurnedAwayByE(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{true, false} {
		s := bkNew()
		p := s.phone(1)
		p.ex(bkEx{at: 5 * bkS, full: true})
		p.notify(6*bkS, "7055")
		last := p.keep(120*bkS, 360*bkS, 115*bkS)
		for at := last + 115*bkS; at < last+300*bkS || !back && at < 1195*bkS; at += 30 * bkS {
			p.atE(at, 403, `Warning: 399 10.0.40.5:5061 "Policy Response"`)
		}
		if back {
			p.ex(bkEx{at: last + 300*bkS, newreg: true})
			p.keep(last+415*bkS, 1190*bkS, 115*bkS)
		}
		r := s.report(t)
		if ph := bkFind(t, r, p.dev); ph.Cause != CauseRefused || ph.LateAt == judge.BetweenEAndC || bkSays(ph, "", "could not send it on") {
			bkFail(t, r, "E refused it: it is not between E and C")
		}
	}
}

// Truth: two phones keep their registrations. A scanner sends REGISTERs to E, which refuses them, and a room
// device is registered with E itself. Said was: 21 phones are refused, and of the room device, certain, that
// its REGISTERs "were sent on to CUCM on time".
func TestOwnScannerIsNoPhone(t *testing.T) {
	t.Parallel()
	for _, info := range []bool{false, true} {
		s := bkNew()
		if info {
			s.c().info, s.e().info = func(time.Duration) bool { return true }, func(time.Duration) bool { return true }
		}
		for i := 1; i <= 2; i++ {
			p := s.phone(i)
			p.ex(bkEx{at: time.Duration(i) * bkS, full: true})
			p.keep(time.Duration(120+i)*bkS, 1190*bkS, 115*bkS)
		}
		for i := range 20 {
			p := s.phone(100 + i)
			p.dev, p.call, p.to, p.number = "", fmt.Sprint(99887766+7*i), "203.0.113.80", fmt.Sprint(100+i)
			p.atE(time.Duration(20+50*i)*bkS, 403)
		}
		room := s.phone(200)
		room.dev, room.call, room.to, room.number = "", "abc@198.51.100.7", "example.com", "room1"
		for i := range 20 {
			room.atE(time.Duration(30+50*i)*bkS, 200)
		}
		r := s.report(t)
		if len(r.Phones) != 2 || strings.Contains(r.Summary, "refused") || !strings.Contains(strings.Join(r.Notes, "\n"), "REGISTERs of 21 senders are left out") {
			bkFail(t, r, "%d phones", len(r.Phones))
		}
	}
}

// Truth: bodies were not logged; E answered a phone with 503 that registers with a node of its own, for it could not
// reach its C. It is not to be left out as a scanner is.
func TestOwnTooLittleLogged(t *testing.T) {
	t.Parallel()
	for _, code := range []int{503, 404} {
		s := bkNew()
		s.c().info, s.e().info = func(time.Duration) bool { return true }, func(time.Duration) bool { return true }
		p := s.phone(1)
		p.ex(bkEx{at: 5 * bkS, full: true})
		p.keep(120*bkS, 1190*bkS, 115*bkS)
		q := s.phone(2)
		q.call, q.to = "e7e75ff9a67fb2435b25eab2a1498171", "cucm09.example.com"
		for at := 20 * bkS; at < 1100*bkS; at += 60 * bkS {
			q.atE(at, code)
		}
		if r := s.report(t); len(r.Phones) != 2 {
			bkFail(t, r, "%d: %d phones", code, len(r.Phones))
		}
	}
}

// Truth: the phone's REGISTER of 14:08 was late before C, of which the log alone is here. Another zone between
// the same two Expressways, on a port of its own, was closed; or that of another C. Said was, likely: "the
// traversal zone failed".
func TestOwnOtherTraversalEnds(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"port", "event", "peer"} {
		s := bkNew()
		s.e().left = true
		s.hosts = append(s.hosts, &bkHost{name: "expc02", role: "C", ip: "10.0.30.3"})
		p := s.phone(1)
		p.noDate = true
		p.ex(bkEx{at: 5 * bkS, full: true})
		p.notify(6*bkS, "7055")
		last := p.keep(120*bkS, 360*bkS, 115*bkS)
		switch by {
		case "port":
			s.c().tcp(last+50*bkS, s.c().ip, 25999, s.e().ip, 7003, bkEOF)
		case "event":
			s.c().event(last+50*bkS, `tvcs: Event="External Server Communications Failure" Reason="TCP connection failed" Service="NeighbourGatekeeper" Detail="name:10.0.40.5:7003"`)
		case "peer":
			q := s.phone(2)
			q.c, q.local = s.hosts[2], 25500
			q.ex(bkEx{at: 20 * bkS, full: true})
			q.keep(135*bkS, 1190*bkS, 115*bkS)
			s.hosts[2].tcp(last+50*bkS, s.hosts[2].ip, 25013, s.e().ip, 7001, bkEOF)
		}
		p.ex(bkEx{at: last + 148*bkS, newreg: true})
		p.keep(last+263*bkS, 1190*bkS, 115*bkS)
		r := s.report(t)
		if ph := bkFind(t, r, p.dev); ph.Cause == CauseTraversal {
			bkFail(t, r, "%s: that is not by which the phone came", by)
		}
	}
}

// Truth: one REGISTER was lost between E and C, and why is not in the logs: what E's Event Log tells of is the
// zone of a partner, and the REGISTERs show by what zone they went. Said was, likely: "the traversal zone failed".
func TestOwnOtherZoneWhenLost(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]string{"PartnerZone": CauseUnknown, "OtherMRA": CauseUnknown, "MRA": CauseTraversal} {
		s := bkNew()
		s.hosts = append(s.hosts, &bkHost{name: "expc02", role: "C", ip: "10.0.30.3"})
		p, q := s.phone(1), s.phone(2)
		p.zone, q.zone, q.c, q.local = "MRA", "OtherMRA", s.hosts[2], 25500
		q.ex(bkEx{at: 20 * bkS, full: true})
		q.keep(135*bkS, 1190*bkS, 115*bkS)
		p.ex(bkEx{at: 5 * bkS, full: true})
		p.notify(6*bkS, "7055")
		last := p.keep(120*bkS, 360*bkS, 115*bkS)
		s.e().event(last+60*bkS, `tvcs: Event="External Server Communications Failure" Reason="no response" Service="NeighbourGatekeeper" Detail="name:`+zone+`"`)
		p.ex(bkEx{at: last + 115*bkS, lost: "EC"})
		p.ex(bkEx{at: last + 150*bkS, newreg: true})
		p.keep(last+265*bkS, 1190*bkS, 115*bkS)
		r := s.report(t)
		if ph := bkFind(t, r, p.dev); ph.Cause != want {
			bkFail(t, r, "%s failed: cause %s", zone, ph.Cause)
		}
	}
}

// Truth: the phone sends its keep-alives with the credentials of the time before, which CUCM challenges anew
// and then accepts. The logs end between the two. Said was, certain: "is refused", with the advice to look at
// the user's login.
func TestOwnChallengeAtTheEnd(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	last := p.keep(120*bkS, 600*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, auth: true, code: 401})
	s.until = last + 116*bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict != PhoneRegistered || r.Verdict != VerdictHealthy {
		bkFail(t, r, "what follows the challenge is not in the logs yet")
	}
	for at := last + 145*bkS; at < last+400*bkS; at += 30 * bkS {
		p.ex(bkEx{at: at, auth: true, code: 401})
		s.until = at + 2*bkS
	}
	r = s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict != PhoneRefused || ph.Cause != CauseAuth {
		bkFail(t, r, "its credentials are refused for minutes")
	}
}

// Truth: the phone went to another network, or CUCM closed its connection; it says so in its next full REGISTER.
// Said was: "why it registered anew is not in these logs".
func TestOwnThePhoneSaysWhy(t *testing.T) {
	t.Parallel()
	for alarm, want := range map[string][2]string{
		"109 Name=x Load=y Last=Phone-Re-IP":  {CausePath, "IPAddressChanged"},
		"14 Name=x Load=y Last=cm-closed-tcp": {CauseUnknown, "TCPucmClosedConnection"},
		"25 Name=x Load=y Last=Initialized":   {CauseUnknown, "why it registered anew is not in these logs"},
	} {
		s := bkNew()
		p := s.phone(1)
		p.ex(bkEx{at: 5 * bkS, full: true})
		last := p.keep(120*bkS, 600*bkS, 115*bkS)
		p.reboot(2)
		p.ex(bkEx{at: last + 40*bkS, full: true, header: []string{`Reason: SIP;cause=200;text="cisco-alarm:` + alarm + `"`}})
		p.keep(last+155*bkS, 1190*bkS, 115*bkS)
		r := s.report(t)
		if ph := bkFind(t, r, p.dev); ph.Cause != want[0] || !bkSays(ph, "", want[1]) || r.Verdict != VerdictHealthy {
			bkFail(t, r, "%s: cause %s", alarm, ph.Cause)
		}
	}
}

// Truth: the phone registers one number, which it keeps, and by REGISTERs of its own another one, which CUCM
// refuses with 404 from first to last. Said was: healthy.
func TestOwnOneOfTwoNumbersRefused(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 1190*bkS, 115*bkS)
	q := s.phone(1)
	q.number, q.call = "7099", bkCall(q.mac, 2)
	for at := 60 * bkS; at < 1100*bkS; at += 60 * bkS {
		q.ex(bkEx{at: at, code: 404})
	}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict != PhoneRefused || !bkSays(ph, "", "this is about 7099") {
		bkFail(t, r, "CUCM refuses one of its two numbers")
	}
}
