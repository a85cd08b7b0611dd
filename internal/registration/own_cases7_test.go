package registration

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// Truth: the phone sent a keep-alive 5 s after its full REGISTER (its network changed), and was
// late by 25 s with the next one. Its cadence is not 5 s; said, certain, is "135.0 s beyond
// the phone's own cadence of 5.0 s", and late_by_s is 135.
func TestOwnCadenceOfFiveSeconds(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.ex(bkEx{at: 10 * bkS})
	p.ex(bkEx{at: 150 * bkS, newreg: true})
	p.keep(265*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateByS != nil && *ph.LateByS > 30 {
		bkFail(t, r, "late by 25 s, and %v s is said", *ph.LateByS)
	}
}

// Truth: a firewall dropped the connection at 14:07 in silence. Another phone's keep-alive over it got
// no answer, and C opened a new one. The phone's keep-alive, held up by 8 s between E and C
// (3 s beyond Expires, 12 s within the grace), went over the new one. Said is: cause late.
func TestOwnSilentKnownFromOthers(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p, q := s.phone(1), s.phone(2)
	p.ex(bkEx{at: 20 * bkS, full: true})
	p.notify(21*bkS, "7055")
	q.ex(bkEx{at: 5 * bkS, full: true})
	q.keep(120*bkS, 350*bkS, 115*bkS)
	p.keep(135*bkS, 365*bkS, 115*bkS)
	q.ex(bkEx{at: 465 * bkS, lost: "CU", own: 408})
	p.local, q.local = 25101, 25101
	p.ex(bkEx{at: 480 * bkS, dEC: 8 * bkS, newreg: true})
	q.ex(bkEx{at: 500 * bkS, newreg: true})
	p.keep(600*bkS, 1180*bkS, 115*bkS)
	q.keep(615*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseLate {
		bkFail(t, r, "its connection had gone silent, as the other phone shows")
	}
}

// Truth: a healthy phone; of these logs it is not known whether they are whole, and one keep-alive is
// not in them. Said, certain, is "its REGISTER came late".
func TestOwnLateOfUnknownLogs(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for _, h := range s.hosts {
		h.unknown = true
		h.drop = func(at time.Duration, _ string) bool { return at > 560*bkS && at < 600*bkS }
	}
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "came late") || ph.LateByS != nil {
		bkFail(t, r, "it was in time, and late is said of a keep-alive that stands after a gap in the logs")
	}
}

// Truth: the phone was reset: it unregistered, and since then its full REGISTERs get no answer from CUCM
// for twelve minutes. The phone is out of service and tries. Said is: unregistered, certain,
// "has not registered again", healthy, and "nothing needs mending".
func TestOwnUnregisteredAndTrying(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 300 * bkS, unreg: true})
	p.reboot(2)
	for at := 330 * bkS; at < 1100*bkS; at += 60 * bkS {
		p.ex(bkEx{at: at, full: true, lost: "CU"})
	}
	s.c().event(1190*bkS, `tvcs: Event="System Start"`)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || strings.Contains(ph.Advice, "Nothing needs fixing") {
		bkFail(t, r, "its attempts to register have failed since 14:05:30")
	}
}

// Truth: from 14:05 on the phone's keep-alives got no answer; only at 14:12 CUCM answered, with 403.
// Said, certain, is "is refused since 14:05".
func TestOwnRefusedSince(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	for at := 350 * bkS; at < 720*bkS; at += 60 * bkS {
		p.ex(bkEx{at: at, lost: "CU"})
	}
	p.ex(bkEx{at: 740 * bkS, code: 403})
	p.ex(bkEx{at: 800 * bkS, code: 403})
	s.until = 830 * bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "refused since 14:05") {
		bkFail(t, r, "it is refused since 14:12:20")
	}
}

// Truth: CUCM challenged a keep-alive (401, ordinarily), and the phone went off the network before
// it could answer. Said is: refused, certain; "its credentials are not accepted", and advice
// to look at the user's login.
func TestOwnChallengedAndGone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p, q := s.phone(1), s.phone(2)
	q.ex(bkEx{at: 9 * bkS, full: true})
	q.keep(124*bkS, 1190*bkS, 115*bkS)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 350*bkS, 115*bkS)
	p.ex(bkEx{at: 465 * bkS, code: 401})
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == PhoneRefused && ph.VerdictConfidence == Certain || ph.Cause == CauseAuth {
		bkFail(t, r, "no credentials were sent, none were refused")
	}
}

// Truth: the phone changed its address: one REGISTER removes the old Contact (expires=0) and adds the
// new one (expires=3600); there is no Expires header. It is registered. Said is: unregistered.
func TestOwnTwoContacts(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	last := p.keep(120*bkS, 960*bkS, 115*bkS)
	none := -1
	p.ex(bkEx{at: last + 60*bkS, expiresHeader: &none, contactX: `;expires=0,<sip:new@192.0.2.36:5061;transport=tls>;expires=3600`})
	s.until = last + 90*bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == PhoneUnregistered {
		bkFail(t, r, "it is registered")
	}
}

// Truth: the unregister of a reset was refused with 403 and did nothing; ten minutes later CUCM dropped
// the phone, which was late by 40 s. Said, certain: cause reset_or_login.
func TestOwnRefusedUnregister(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 20*bkS, unreg: true, code: 403})
	p.ex(bkEx{at: last + 155*bkS, newreg: true})
	p.keep(last+270*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseResetOrLogin && ph.CauseConfidence == Certain {
		bkFail(t, r, "the unregister was refused")
	}
}

// Truth: the connection from C to CUCM closed (EOF, recorded) at 14:07:10 and took the phone with it; its
// next keep-alive went through E and C in time, without delay. Meanwhile some connection on the
// traversal port was closed as idle. Said is: traversal_down, likely.
func TestOwnTraversalBeforeTCP(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.c().tcp(425*bkS, s.c().ip, 25999, s.e().ip, 7001, bkIdle)
	s.c().tcp(430*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	s.c().tcp(475*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: 475 * bkS, newreg: true})
	p.keep(590*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTraversal {
		bkFail(t, r, "its REGISTER passed from E to C as ever, and the connection to CUCM had closed")
	}
}

// Truth: the same, and instead of the idle close the phone's keep-alive came over another E, in time.
// Said is: path_changed, likely, though the connection that carried it closed before.
func TestOwnPathBeforeTCP(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.hosts = append(s.hosts, &bkHost{name: "expe02", role: "E", ip: "10.0.40.6"})
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.c().tcp(430*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local, p.e = 25101, s.hosts[2]
	s.c().tcp(475*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: 475 * bkS, newreg: true})
	p.keep(590*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CausePath {
		bkFail(t, r, "it came in time, and the connection that had carried it to CUCM had closed")
	}
}

// Truth: the phone sent its keep-alive 40 s late by itself. E's Event Log tells of another zone, that of a
// partner, which failed. Said is: "the traversal zone failed".
func TestOwnOtherZoneFailed(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.e().event(430*bkS, `tvcs: Event="External Server Communications Failure" Reason="no response" Service="NeighbourGatekeeper" Detail="name:PartnerZone"`)
	p.ex(bkEx{at: 515 * bkS, newreg: true})
	p.keep(630*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTraversal {
		bkFail(t, r, "that was another zone, and E itself received the REGISTER late")
	}
}

// Truth: CUCM dropped the phone at 14:06:00 with its connection (EOF, no other sign). Its next keep-alive is in
// time; CUCM sent 100 at once and its 200 with newreg 20 s later. Said is nothing worse than the
// connection; what must not be said is that it is late or that C or the phone held it up.
func TestOwnEOFAndSlow200(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.c().tcp(430*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	p.ex(bkEx{at: 475 * bkS, trying: true, ans: 20 * bkS, newreg: true})
	p.keep(630*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause != CauseTCP || ph.LateByS != nil {
		bkFail(t, r, "cause %s", ph.Cause)
	}
}

// Truth: an alert names nobody; the phone came back with one line of two, then C answered 503 once at the
// very end. A note says "No partial MRA phone was seen here, though there was an alert".
func TestOwnAlertNoteWhenRefused(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.alerts = []evidence.Alert{{ID: "1", Name: "PartiallyRegisteredPhone", Time: bkZero.Add(400 * bkS), Devices: []string{}}}
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 390 * bkS, newreg: true})
	last := p.keep(505*bkS, 1080*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, lost: "CU", own: 503})
	s.until = last + 150*bkS
	r := s.report(t)
	for _, n := range r.Notes {
		if strings.Contains(n, "No partial MRA phone was seen here") {
			bkFail(t, r, "it went partial at 14:06:30, which the report knows: %s", n)
		}
	}
}
