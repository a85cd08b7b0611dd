package registration

import (
	"strings"
	"testing"
	"time"
)

// Truth: after a new registration the phone registered line 2 by its own REGISTER 4 s
// later (newreg, 200) and keeps both alive: it has all its lines.
func TestOwnLinesOneByOneFourSeconds(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	q := *p
	q.call, q.number, q.cseq = bkCall(p.mac, 7), "7055", 100
	p.ex(bkEx{at: 395 * bkS, newreg: true})
	q.ex(bkEx{at: 399 * bkS, newreg: true})
	p.keep(510*bkS, 1190*bkS, 115*bkS)
	q.keep(514*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "both lines are registered, and the phone is called partial, certain")
	}
}

// Truth: only C's log is there (or E logs at INFO). CUCM's clock is set forward by 60 s
// by NTP at 14:10; C's clock and the healthy phone go on as before. The report says that
// C's clock was set, and calls the REGISTER late.
func TestOwnCUCMClockSet(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.e().info = func(time.Duration) bool { return true }
	for i := range 4 {
		p := s.phone(i)
		p.cucmDate = func(at time.Duration) time.Duration {
			if at > 600*bkS {
				return -60 * bkS
			}
			return 0
		}
		p.ex(bkEx{at: time.Duration(5+7*i) * bkS, full: true})
		p.keep(time.Duration(120+7*i)*bkS, 1190*bkS, 115*bkS)
	}
	r := s.report(t)
	if r.Verdict != VerdictHealthy {
		bkFail(t, r, "all is well, and the verdict is %s", r.Verdict)
	}
	for _, n := range r.Notes {
		if strings.Contains(n, "clock of expc01 was set") {
			bkFail(t, r, "C's clock was not set, CUCM's was: %s", n)
		}
	}
	for _, p := range r.Phones {
		if bkSays(p, Certain, "came late") || p.LateByS != nil {
			bkFail(t, r, "nothing was late")
		}
	}
}

// Truth: C logs at INFO until 14:03; the phone's keep-alive of 14:08:40 is 280 s after the
// last 200, more than twice Expires. The report says, certain, "it came in time".
func TestOwnInTimeWithoutExpires(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for _, h := range s.hosts {
		h.info = func(at time.Duration) bool { return at < 300*bkS }
	}
	p := s.phone(1)
	p.ex(bkEx{at: 240 * bkS, full: true})
	p.ex(bkEx{at: 520 * bkS, newreg: true})
	s.since, s.cut, s.until = 200*bkS, true, 560*bkS
	r := s.report(t)
	if bkSays(bkFind(t, r, p.dev), Certain, "in time") {
		bkFail(t, r, "280 s after the last success, and it came in time")
	}
}

// Truth: the phone's own cadence is 130 s, each keep-alive is 10 s beyond CUCM's Expires of
// 120 s (within the grace). The report says, certain, that they were sent on time.
func TestOwnOnTimeBeyondExpires(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(135*bkS, 1190*bkS, 130*bkS)
	r := s.report(t)
	if bkSays(bkFind(t, r, p.dev), Certain, "on time") {
		bkFail(t, r, "130 s with an Expires of 120 s is on time")
	}
}

// Truth: CUCM took the keep-alive of 14:06 at once, but its 200 was on its way to C for 40 s;
// CUCM counts 120 s from the REGISTER, the phone 115 s from the 200: the next one is
// 155 s after the one before, CUCM had dropped the phone. The report says, certain,
// "it came in time".
func TestOwnInTimeAfterSlowAnswer(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, ans: 40 * bkS})
	p.ex(bkEx{at: last + 270*bkS, newreg: true})
	p.keep(last+385*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if bkSays(bkFind(t, r, p.dev), Certain, "came in time") {
		bkFail(t, r, "155 s after the REGISTER that CUCM had taken before, and it came in time")
	}
}

// Truth: the phone itself sent its keep-alive 40 s late. Before that C closed its idle
// connection to CUCM, which harmed nobody: five other phones of the same connection went
// on over the next one without a new registration. The report blames the connection.
func TestOwnIdleCloseHarmless(t *testing.T) {
	t.Parallel()
	s := bkNew()
	var others []*bkPhone
	for i := range 5 {
		p := s.phone(10 + i)
		p.ex(bkEx{at: time.Duration(20+i) * bkS, full: true})
		p.keep(time.Duration(135+i)*bkS, 380*bkS, 115*bkS)
		others = append(others, p)
	}
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS) // to 360
	s.c().tcp(440*bkS, s.c().ip, 25100, p.node, 5060, bkIdle)
	s.c().tcp(479*bkS, s.c().ip, 25101, p.node, 5060, bkOpen)
	p.local = 25101
	for i, o := range others {
		o.local = 25101
		o.keep(time.Duration(480+i)*bkS, 1190*bkS, 115*bkS)
	}
	p.ex(bkEx{at: 515 * bkS, newreg: true})
	p.keep(630*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTCP {
		bkFail(t, r, "the connection is blamed, over which nobody else lost anything")
	}
}

// Truth: the phone sent its keep-alive 40 s late (E got nothing before); E–C was well. One of
// E's connections on the traversal port was closed as idle meanwhile, and other phones
// went through all the time. The report says that the traversal zone failed.
func TestOwnTraversalBlamedForLatePhone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	o := s.phone(2)
	o.ex(bkEx{at: 20 * bkS, full: true})
	o.keep(135*bkS, 1190*bkS, 115*bkS)
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.c().tcp(440*bkS, s.c().ip, 25999, s.e().ip, 7001, bkIdle)
	p.ex(bkEx{at: 515 * bkS, newreg: true})
	p.keep(630*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTraversal {
		bkFail(t, r, "the traversal zone is blamed for what the phone sent late")
	}
}

// Truth: the clock of E (at INFO) is set forward by 60 s at 14:10. One note says that the
// clocks shifted, another that "no clock was set: before and after the clocks agree".
func TestOwnStallAndStep(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.e().info = func(time.Duration) bool { return true }
	s.c().info = s.e().info
	s.e().clock = func(at time.Duration) time.Duration {
		if at > 800*bkS {
			return -60 * bkS
		}
		return 0
	}
	for i := range 6 {
		p := s.phone(i)
		p.ex(bkEx{at: time.Duration(5+7*i) * bkS, full: true})
		p.keep(time.Duration(120+7*i)*bkS, 1190*bkS, 115*bkS)
	}
	r := s.report(t)
	for _, n := range r.Notes {
		if strings.Contains(n, "A stall") {
			bkFail(t, r, "there was no stall: %s", n)
		}
	}
}

// Truth: CUCM first granted 120 s, then 180 s: the phone's cadence is 175 s for its last
// three keep-alives. Then it is late by 40 s. The report says 100 s late.
func TestOwnCadenceAfterExpiresChange(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.until = 30 * time.Minute
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 820*bkS, 115*bkS)
	p.expires = 180
	p.ex(bkEx{at: last + 115*bkS})
	last = p.keep(last+290*bkS, last+650*bkS, 175*bkS)
	p.ex(bkEx{at: last + 215*bkS, newreg: true})
	p.keep(last+390*bkS, 1790*bkS, 175*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateByS != nil && (*ph.LateByS < 38 || *ph.LateByS > 42) {
		bkFail(t, r, "late by 40 s, and %v s is said", *ph.LateByS)
	}
}

// Truth: the phone was late by 9 s before E, and C held it up by 40 s more. The report says,
// certain, "Expressway-C received it in time".
func TestOwnReceivedInTimeByC(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 124*bkS, inC: 40 * bkS, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if bkSays(bkFind(t, r, p.dev), Certain, "received it in time") {
		bkFail(t, r, "C received it 4 s beyond Expires, and in time is said")
	}
}

// Truth: CUCM challenged the keep-alive (the ordinary 401, no credentials sent yet); the
// answer to that was on its way from E to C for 40 s. The report says that its
// credentials were refused.
func TestOwnChallengeIsNoRefusal(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, code: 401})
	p.ex(bkEx{at: last + 115*bkS + 200*time.Millisecond, dEC: 40 * bkS, auth: true, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseAuth {
		bkFail(t, r, "no credentials were refused")
	}
}

// Truth: no log of C; E's log is known to lack 14:09 to 14:13, and in it the phone was reset
// (unregister, full REGISTER, same Call-ID). All lines are registered.
func TestOwnHoleOnEAlone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.c().left = true
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.number = "7001"
	p.ex(bkEx{at: 395 * bkS, newreg: true})
	p.ex(bkEx{at: 510 * bkS})
	p.ex(bkEx{at: 560 * bkS, unreg: true})
	p.ex(bkEx{at: 570 * bkS, full: true})
	p.keep(685*bkS, 1190*bkS, 115*bkS)
	s.e().missing = [][2]time.Duration{{540 * bkS, 680 * bkS}}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict != VerdictUnknown {
		bkFail(t, r, "a REGISTER may have stood in the hole, and %s is said", ph.Verdict)
	}
}

// Truth: the phone has two lines; CUCM's 200 to its full REGISTER has <code>500</code> in its
// body, which was not logged (the level was lowered that moment): one line registered.
// The report says that all its lines registered, certain, and healthy.
func TestOwnAnswerBodyNotLogged(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for _, h := range s.hosts {
		h.info = func(at time.Duration) bool { return at >= 300*bkS+30*time.Millisecond && at < 310*bkS }
	}
	p := s.phone(1)
	p.ex(bkEx{at: 300 * bkS, full: true, remotecc: 500})
	p.keep(415*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "what became of its lines was not logged")
	}
}
