package registration

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/registration/judge"
)

// Truth: a phone with two lines came back by keep-alive at 14:06 (partial), and was reset two minutes
// later. Its second number is not in the logs. The report: healthy, "1 phone, none of which
// went partial".
func TestOwnHealthyThoughCameBack(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	last := p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: last + 155*bkS, newreg: true})
	p.ex(bkEx{at: last + 270*bkS})
	p.reboot(2)
	p.ex(bkEx{at: last + 300*bkS, full: true})
	p.keep(last+415*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if r.Verdict == VerdictHealthy || strings.Contains(r.Summary, "none of which went partial") {
		bkFail(t, r, "it came back by keep-alive, and its number of lines is not known")
	}
}

// Truth: the clocks of C and E were set by +49 s and -32 s at 14:12. Ten minutes later the phone is
// late by itself, by 23 s. A note says that nothing is called late there; a statement, likely:
// "Expressway-C received it 81.0 s later than usual", and the traversal zone is to be looked at.
func TestOwnStepsThenLate(t *testing.T) {
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
	s.until = 25 * time.Minute
	set(s.c(), 720*bkS, 49*bkS)
	set(s.e(), 725*bkS, -32*bkS)
	q := s.phone(2)
	q.ex(bkEx{at: 15 * bkS, full: true})
	q.keep(130*bkS, 1490*bkS, 115*bkS)
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 1270*bkS, 115*bkS)
	p.ex(bkEx{at: last + 138*bkS, newreg: true})
	p.keep(last+253*bkS, 1490*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt == judge.BetweenEAndC || bkSays(ph, Likely, "later than usual") {
		bkFail(t, r, "the way from E to C took 4 ms, as ever")
	}
}

// Truth: E held the first keep-alive (in time) for 53 s; the phone sent another one 42 s
// later, which overtook it. The report says "late already before Expressway-E".
func TestOwnOvertakenInE(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, inE: 53 * bkS})
	p.ex(bkEx{at: last + 157*bkS, newreg: true})
	p.keep(last+272*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt == judge.BeforeE && ph.CauseConfidence != CannotTell {
		bkFail(t, r, "E had received the first one in time and kept it")
	}
}

// Truth: E–C held the first keep-alive for 43 s and the next one, sent 37 s later, for 6 s:
// both reach C at once, 158 s after the last success. Of the one that CUCM took for a new
// registration it is said, certain, "it came in time, -0.0 s after the success before it".
func TestOwnNegativeGap(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, dEC: 43 * bkS, ans: 14 * time.Millisecond})
	p.ex(bkEx{at: last + 152*bkS, dEC: 6*bkS + 5*time.Millisecond, ans: 5 * time.Millisecond, newreg: true})
	p.keep(last+272*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "in time, -") {
		bkFail(t, r, "158 s after the last success, and in time is said")
	}
}

// Truth: an answer that came 40 s late; the phone had sent another REGISTER 35 s after the
// first, which CUCM, restarted meanwhile, took for a new registration. Said, certain:
// "it came in time, -5.0 s after the success before it".
func TestOwnNegativeGapLateAnswer(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, ans: 40 * bkS})
	p.ex(bkEx{at: last + 150*bkS, newreg: true})
	p.keep(last+265*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "in time, -") {
		bkFail(t, r, "a negative time")
	}
}

// Truth: CUCM restarted at 14:06:40: its connection closed, C's new ones are refused (TCP
// Connection Failed, ERROR) until 14:08, and C answers the phone with 503 itself. The
// report says cause refused, "a refusal", and advises to read the Warning.
func TestOwnRestartCalledRefusal(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	s.c().tcp(400*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	x := p.cseq
	p.ex(bkEx{at: last + 115*bkS, lost: "EC"})
	at, ms := last+115*bkS+21*time.Millisecond, time.Millisecond
	m := bkMsg{call: p.call, user: p.number, to: p.to, cseq: x + 1, expires: 3600, branch: "z9hG4bKx"}
	s.c().sip(at, false, 25013, s.e().ip, 7001, m)
	s.c().rec(at+ms, s.c().head(at+ms, "network.tcp", "ERROR")+`Src-ip="10.0.30.2" Src-port="25101" Dst-ip="10.0.20.11" Dst-port="5060" Detail="TCP Connection Failed"`+"\n")
	m.code, m.expires, m.head = 503, -1, []string{"Server: TANDBERG/4137 (X14.0.3)"}
	s.c().sip(at+2*ms, true, 25013, s.e().ip, 7001, m)
	s.e().sip(at+4*ms, false, 7001, s.c().ip, 25013, m)
	s.e().sip(at+5*ms, true, 5061, "198.51.100.7", p.src, m)
	p.local = 25102
	s.c().tcp(last+145*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: last + 145*bkS, newreg: true})
	p.keep(last+260*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseRefused {
		bkFail(t, r, "CUCM's connections were refused, and a refusal of the phone is said")
	}
}

// Truth: CUCM challenged the keep-alive (the ordinary 401 to a request without credentials);
// the phone's answer came 25 s later (its network). The report: "its credentials were
// refused", likely, and advises to look at the user's login.
func TestOwnChallengeIsNoRefusalLater(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, code: 401})
	p.ex(bkEx{at: last + 140*bkS, auth: true, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseAuth {
		bkFail(t, r, "no credentials were sent, and they are said to be refused")
	}
}

// Truth: the keep-alive was challenged in time; the same with credentials was on its way from
// E to C for 40 s and reached CUCM 155 s after the last success. Said, certain, of the
// REGISTER that was taken for a new registration: "it came in time, 115.0 s after".
func TestOwnInTimeByChallenge(t *testing.T) {
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
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "came in time") {
		bkFail(t, r, "what was answered with newreg came 155 s after the success before")
	}
}

// Truth: the phone was 45 s late by itself; CUCM answered 423 to that late keep-alive, and a
// second later took another one for a new registration. Said is: cause refused.
func TestOwnLateThen423(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 160*bkS, code: 423})
	p.ex(bkEx{at: last + 161*bkS, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseRefused {
		bkFail(t, r, "it was late by 45 s, and a refusal 45 s too late is the cause")
	}
}

// Truth: the connection closed (EOF, recorded) at 14:06:20 and CUCM dropped the phone; its next
// keep-alive, in time, is answered 500 once, the one 2 s later with newreg. Said is:
// cause refused.
func TestOwnEOFThen500(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.keep(120*bkS, 350*bkS, 115*bkS)
	s.c().tcp(380*bkS, s.c().ip, 25100, p.node, 5060, bkEOF)
	p.local = 25101
	p.ex(bkEx{at: 465 * bkS, code: 500})
	p.ex(bkEx{at: 467 * bkS, newreg: true})
	p.keep(582*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseRefused {
		bkFail(t, r, "the connection that carried it had closed before")
	}
}

// Truth: the phone's keep-alive came over another E, in time; C held it up for 45 s. The
// report says, certain, that C held it up, and the cause is "a change of the path".
func TestOwnMovedAndHeldInC(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.hosts = append(s.hosts, &bkHost{name: "expe02", role: "E", ip: "10.0.40.6"})
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.e = s.hosts[2]
	p.ex(bkEx{at: last + 115*bkS, inC: 45 * bkS, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CausePath {
		bkFail(t, r, "C held it up, and the path is blamed")
	}
}

// Truth: the phone's unregister was lost between E and C; CUCM never saw it, and the phone is
// registered there until it expires. Said is: unregistered, certain, and healthy.
func TestOwnUnregisterLost(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 350*bkS, 115*bkS)
	p.ex(bkEx{at: 400 * bkS, unreg: true, lost: "EC"})
	s.until = 460 * bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == PhoneUnregistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "CUCM never got the unregister")
	}
}

// Truth: the phone of its own accord sent a full REGISTER again (its network changed); CUCM
// had not dropped it. The report says "nothing in these logs explains why CUCM dropped it".
func TestOwnNobodyDroppedIt(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 360*bkS, 115*bkS)
	p.reboot(2)
	p.ex(bkEx{at: 400 * bkS, full: true})
	p.keep(515*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, "", "why CUCM dropped it") {
		bkFail(t, r, "CUCM did not drop it")
	}
}

// bkCost is what Analyze takes for a site.
func bkCost(t *testing.T, s *bkSite) (time.Duration, uint64) {
	t.Helper()
	src, o := s.sources()
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	begin := time.Now()
	if _, err := Analyze(t.Context(), src, o); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&m1)
	return took, m1.TotalAlloc - m0.TotalAlloc
}
