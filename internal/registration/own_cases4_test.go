package registration

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/registration/judge"
)

// Truth: the phone came back with one line; later it sends a REGISTER with a body that has no
// bulk part (options only), which registers that one line. It is partial.
func TestOwnBodyWithoutBulk(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 395 * bkS, newreg: true})
	p.ex(bkEx{at: 510 * bkS, opts: true})
	p.keep(625*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictRecovered || ph.Verdict == VerdictRecovered {
		bkFail(t, r, "no bulk REGISTER, and it has registered all its lines")
	}
}

// Truth: the phone unregisters by expires=0 in its Contact, which counts more than the Expires
// header of 3600 (RFC 3261, 10.2.1.1), and is gone. The report says that it is registered.
func TestOwnUnregisterByContact(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	last := p.keep(120*bkS, 960*bkS, 115*bkS)
	exp := 3600
	p.ex(bkEx{at: last + 60*bkS, unreg: true, contactX: ";expires=0", expiresHeader: &exp})
	s.until = last + 90*bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == PhoneRegistered {
		bkFail(t, r, "it unregistered, and registered is said")
	}
}

// Truth: a firewall dropped the connection in silence at 14:05:10. The phone's keep-alive of
// 14:07 got no answer, C closed the connection at 14:07:32. The group and the headline
// say that the connection dropped "at 14:07:00", where "by" is all that is known.
func TestOwnSilentDropTime(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 75 * bkS, full: true})
	p.notify(76*bkS, "7055")
	p.keep(190*bkS, 305*bkS, 115*bkS)
	p.ex(bkEx{at: 420 * bkS, lost: "CU", own: 408})
	s.c().tcp(452*bkS, s.c().ip, p.local, p.node, 5060, `"TCP Connection Closed" Reason="Connection timed out"`)
	p.local = 25101
	s.c().tcp(470*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: 470 * bkS, newreg: true})
	p.keep(585*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	for _, g := range r.Groups {
		if strings.Contains(g.Summary, "At 14:07:00 UTC the connection expc01 -> cucm01.example.com dropped") {
			bkFail(t, r, "it dropped two minutes before that: %s", g.Summary)
		}
	}
}

// Truth: the phone came with a keep-alive 121 s after the last 200, 14 s before CUCM would drop
// it; CUCM had restarted its process in between (nothing shows that). The report says
// "a keep-alive that reached CUCM too late", likely.
func TestOwnLateWithinGrace(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 121*bkS, newreg: true})
	p.keep(last+240*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseLate && ph.CauseConfidence != CannotTell {
		bkFail(t, r, "1 s beyond Expires, 14 s within the grace, and lateness is the cause")
	}
}

// Truth: C has two connections to CUCM and spreads its phones over both at random; the phone
// used both before without harm. CUCM dropped it for another reason (reset of the node's
// registrations). The report says that the connection dropped, "had gone silent".
func TestOwnTwoConnections(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	for i, at := 0, 120*bkS; at < 700*bkS; i, at = i+1, at+115*bkS {
		p.local = 25100 + (i+1)%2
		p.ex(bkEx{at: at})
	}
	p.local = 25100
	p.ex(bkEx{at: 695 * bkS})
	p.local = 25101
	p.ex(bkEx{at: 810 * bkS, newreg: true})
	p.keep(925*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTCP {
		bkFail(t, r, "no connection dropped, and it used both all the time")
	}
}

// Truth: the phone is partial at cluster A's node since 14:06, and registers with cluster B's
// node, too, whose registration is whole. The partial one must not vanish.
func TestOwnTwoClusters(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	q := *p
	q.to, q.node, q.call = "cucm-b.example.com", "10.0.21.11", bkCall(p.mac, 9)
	p.ex(bkEx{at: 5 * bkS, full: true})
	q.ex(bkEx{at: 8 * bkS, full: true})
	p.notify(6*bkS, "7055")
	q.keep(123*bkS, 1190*bkS, 115*bkS)
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 395 * bkS, newreg: true})
	p.keep(510*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if r.Verdict != VerdictPartial {
		bkFail(t, r, "partial at one of two clusters, and %s is said", r.Verdict)
	}
}

// Truth: the phone's keep-alive of 14:08:20 reached CUCM 155 s after the one before; CUCM had
// dropped it and registered its one line anew, but that answer (with x-cisco-newreg) was
// lost on its way to C, which answers 408 itself. The phone's next keep-alive is
// answered as an ordinary one. The phone has one line of two. The report: registered,
// certain; healthy; "the next one kept the registration".
func TestOwnNewRegAnswerLost(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 155*bkS, lost: "UC", own: 408})
	p.ex(bkEx{at: last + 195*bkS})
	p.keep(last+310*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "the unanswered REGISTER may have been taken for a new registration, as it was")
	}
}

// Truth: the same with a connection: it closed at 14:06:40 (EOF), CUCM dropped the phone;
// the answer to its next keep-alive, with x-cisco-newreg, was lost; the one after that
// is answered as an ordinary one. One line of two; said is healthy.
func TestOwnNewRegAnswerLostAfterEOF(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	s.c().tcp(400*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	s.c().tcp(last+115*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: last + 115*bkS, lost: "UC", own: 408})
	p.ex(bkEx{at: last + 150*bkS})
	p.keep(last+265*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "the unanswered REGISTER may have been taken for a new registration, as it was")
	}
}

// Truth: C's log (the only one) lacks 14:09:20 to 14:10, in which one keep-alive stood: the gap
// that it shows is 230 s. Of that gap it is said, certain, that the REGISTERs were "on
// time, none more than 230.0 s after the success before it".
func TestOwnOnTimeOverHole(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.e().left = true
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 1190*bkS, 115*bkS)
	s.c().missing = [][2]time.Duration{{560 * bkS, 600 * bkS}}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "none more than 230") {
		bkFail(t, r, "a gap of 230 s is called on time")
	}
}

// Truth: the log of E alone, which lacks 14:09:20 to 14:10 by its manifest. The phone is said to
// be registered, and "on time, none more than 230.0 s" certain, and no word of the hole.
func TestOwnHoleOnEAloneRegistered(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.c().left = true
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 1190*bkS, 115*bkS)
	s.e().missing = [][2]time.Duration{{560 * bkS, 600 * bkS}}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict != VerdictUnknown || bkSays(ph, Certain, "none more than 230") {
		bkFail(t, r, "a keep-alive stood in the hole, and %s is said", ph.Verdict)
	}
}

// Truth: at 14:06 C held up a keep-alive for 43 s, and the phone came back; a full REGISTER mended
// that. At 14:15:40 the phone itself was late by 26 s, and came back. at is 14:15:40, and
// late_by_s is that of 14:06; the words of the two are mixed.
func TestOwnLateByOfAnother(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, inC: 43 * bkS, newreg: true})
	p.reboot(2)
	p.ex(bkEx{at: last + 200*bkS, full: true})
	last = p.keep(last+315*bkS, 800*bkS, 115*bkS)
	came := last + 141*bkS
	p.ex(bkEx{at: came, newreg: true})
	p.reboot(3)
	p.ex(bkEx{at: came + 20*bkS, full: true})
	p.keep(came+135*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.At == nil || ph.LateByS == nil || ph.At.Sub(bkZero.Add(came)) < bkS && (*ph.LateByS < 24 || *ph.LateByS > 28) {
		bkFail(t, r, "late by 26 s at %v", ph.At)
	}
}

// Truth: the phone was 26 s late once, an hour ago as it were, and that did no harm (kept). Later it
// came back in time, because its connection closed. late_at is "before E" and late_by_s 26,
// with cause tcp_dropped or unknown and the at of the other REGISTER.
func TestOwnLateAtOfAnother(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: last + 128*bkS})
	last = p.keep(last+243*bkS, 800*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, newreg: true})
	p.reboot(3)
	p.ex(bkEx{at: last + 150*bkS, full: true})
	p.keep(last+265*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateByS != nil || ph.LateAt == judge.BeforeE {
		bkFail(t, r, "what came back at %v was not late, and late by %v %q is said", ph.At, deref(ph.LateByS), ph.LateAt)
	}
}

// Truth: C's clock is set by +40 s at 14:13:20, E's by -20 s at 14:06:40; all phones are healthy and
// in time. Because both peers show a step (though at other times, by other amounts), both are
// taken for CUCM's own and forgotten: every phone's REGISTER "came late", certain, 40 s.
func TestOwnTwoClocksSet(t *testing.T) {
	t.Parallel()
	s := bkNew()
	set := func(h *bkHost, when, by time.Duration) {
		h.clock = func(at time.Duration) time.Duration {
			if at > when {
				return by
			}
			return 0
		}
	}
	set(s.c(), 800*bkS, 40*bkS)
	set(s.e(), 400*bkS, -20*bkS)
	for i := range 3 {
		p := s.phone(i)
		p.ex(bkEx{at: time.Duration(5+37*i) * bkS, full: true})
		p.keep(time.Duration(120+37*i)*bkS, 1150*bkS, 115*bkS)
	}
	r := s.report(t)
	for _, p := range r.Phones {
		if bkSays(p, Certain, "came late") || p.LateByS != nil {
			bkFail(t, r, "nothing was late")
			return
		}
	}
}
