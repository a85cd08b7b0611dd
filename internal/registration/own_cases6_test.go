package registration

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/testrace"
)

// bkAlone is a site of which only C logs.
func bkAlone() (*bkSite, *bkPhone) {
	s := bkNew()
	s.e().drop = func(time.Duration, string) bool { return true }
	p := s.phone(1)
	p.ex(bkEx{at: bkS, full: true})
	return s, p
}

// Memory must grow with the messages, not with their square: four times as many may take
// eight times as much here, and not more. OWN_LONG=1 tells the times of more forms.
func TestOwnQuadratic(t *testing.T) {
	testrace.Whole(t)
	if testing.Short() {
		t.Skip("whole sites take long")
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		n      int
		memory bool
		write  func(n int) *bkSite
	}{
		// writeHops/timesOf keeps a lapse, with all its tries, of every failed REGISTER:
		// 16,000 refused REGISTERs of one phone took 4.3 GB, 2 GB of it live at once.
		{"refused", 1000, true, func(n int) *bkSite {
			s, p := bkAlone()
			for i := range n {
				p.ex(bkEx{at: 2*bkS + time.Duration(i)*60*ms, code: 403})
			}
			return s
		}},
		// shareOf names on each phone of a connection all others: 8,000 phones took 4 GB.
		{"shares", 800, true, func(n int) *bkSite {
			s, _ := bkAlone()
			for i := range n {
				s.phone(i).ex(bkEx{at: bkS + time.Duration(i)*ms, full: true})
			}
			s.c().tcp(60*bkS, s.c().ip, 25100, "10.0.20.11", 5060, bkEOF)
			for i := range n {
				p := s.phone(i)
				p.cseq, p.local = 101, 25101
				p.ex(bkEx{at: 116*bkS + time.Duration(i)*ms, newreg: true})
			}
			return s
		}},
		// hops/received looks at all later messages for each: one CSeq that loops.
		{"one CSeq", 600, false, func(n int) *bkSite {
			s, p := bkAlone()
			for i := range n {
				p.ex(bkEx{at: 2*bkS + time.Duration(i)*2*ms, sameCSeq: true})
			}
			return s
		}},
		// chainsOf sorts the chain anew for each Call-ID.
		{"Call-IDs", 3000, false, func(n int) *bkSite {
			s, p := bkAlone()
			for i := range n {
				p.call = bkCall(p.mac, i)
				p.ex(bkEx{at: 2*bkS + time.Duration(i)*80*ms, full: true})
			}
			return s
		}},
		// cadence looks back as far as it takes to find regular gaps.
		{"full", 5000, false, func(n int) *bkSite {
			s, p := bkAlone()
			for i := range n {
				p.ex(bkEx{at: 2*bkS + time.Duration(i)*50*ms, full: true})
			}
			return s
		}},
		// absorbed compares with all of the same hash within five seconds.
		{"one hash", 1500, false, func(n int) *bkSite {
			s, p := bkAlone()
			for range n {
				p.ex(bkEx{at: 2 * bkS})
			}
			for i := range s.c().recs {
				x := &s.c().recs[i].text
				*x = bkHashes.ReplaceAllString(*x, "Msg-Hash=${1}5")
			}
			return s
		}},
	} {
		if !c.memory && os.Getenv("OWN_LONG") == "" {
			continue // these take half a minute, and tell their times only
		}
		n := c.n / fewer
		small, m := bkCost(t, c.write(n))
		big, m4 := bkCost(t, c.write(4*n))
		t.Logf("%s: %d take %v and %d MiB, %d take %v and %d MiB", c.name, n, small, m>>20, 4*n, big, m4>>20)
		if m4 > 8*m {
			t.Errorf("%s: %d take %v and %d MiB, four times as many %v and %d MiB", c.name, n, small, m>>20, big, m4>>20)
		}
	}
}

var bkHashes = regexp.MustCompile(`Msg-Hash=("?)[0-9]+`)

// Truth: a phone with one line, 7001, calls 9123; within that call it sends a NOTIFY (KPML: a
// digit was pressed) under its own Call-ID, To the other party. Later its connection drops
// and it comes back, with its one line. Said is partial, certain: "7001, 9123 were seen".
func TestOwnNumberOfOtherParty(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	m := bkMsg{method: "NOTIFY", call: bkCall(p.mac, 99), from: p.number, user: "9123", to: p.to, cseq: 1001, expires: -1, branch: "z9hG4bKk", requestURI: "sip:10.0.20.11:5060;transport=tcp", head: []string{"Event: kpml"}}
	s.c().sip(300*bkS, false, 25013, s.e().ip, 7001, m)
	s.c().sip(300*bkS+time.Millisecond, true, p.local, p.node, 5060, m)
	s.c().tcp(340*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	p.ex(bkEx{at: 350 * bkS, newreg: true})
	p.keep(465*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "it has one line; 9123 is whom it called")
	}
}

// Truth: the same with the SUBSCRIBE (KPML) that CUCM sends within that call.
func TestOwnNumberOfOtherPartySubscribe(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	m := bkMsg{method: "SUBSCRIBE", call: bkCall(p.mac, 99), from: "9123", user: p.number, to: p.to, cseq: 101, expires: 7200, branch: "z9hG4bKk", contact: "<sip:10.0.20.11:5060;transport=tcp>",
		requestURI: "sip:u" + p.mac + "@192.0.2.35:5061", head: []string{"Event: kpml"}}
	s.c().sip(300*bkS, false, p.local, p.node, 5060, m)
	s.c().sip(300*bkS+time.Millisecond, true, 25013, s.e().ip, 7001, m)
	p.ex(bkEx{at: 400 * bkS, newreg: true})
	p.keep(515*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "it has one line; 9123 is whom it called")
	}
}

// Truth: the phone was late by 54 s before E; CUCM's answer to that was 20 s on its way. The report
// says "held up between Expressway-C and CUCM", though E had received it 39 s too late.
func TestOwnSlowAnswerTakesBlame(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 169*bkS, ans: 20 * bkS, newreg: true})
	p.keep(last+310*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt == judge.BetweenCAndCUCM {
		bkFail(t, r, "it was 54 s late when E got it")
	}
}

// Truth: the phone came back by keep-alive, and keeps its secondary CUCM alive (Expires: 0, cisco-keep-alive). C and E log at INFO
// for three minutes, so that of these secondary keep-alives the bodies are not logged.
// The report says, certain, "it holds 2 registrations at a time".
func TestOwnSecondaryPartlyAtInfo(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for _, h := range s.hosts {
		h.info = func(at time.Duration) bool { return at > 300*bkS && at < 500*bkS }
	}
	p := s.phone(1)
	q := *p
	q.to, q.node, q.call = "cucm02.example.com", "10.0.20.12", bkCall(p.mac, 9)
	p.ex(bkEx{at: 5 * bkS, full: true})
	zero := 0
	for at := 120 * bkS; at < 1190*bkS; at += 115 * bkS {
		p.ex(bkEx{at: at, newreg: at == 695*bkS})
		q.ex(bkEx{at: at + 20*time.Millisecond, unreg: true, expiresHeader: &zero, contactX: ";expires=0;cisco-keep-alive"})
	}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "holds 2 registrations") {
		bkFail(t, r, "one of them is the secondary's keep-alive")
	}
}

// Truth: the phone was 40 s late by itself, and its clock was set back by 38 s (NTP) meanwhile. That
// is its last REGISTER in the logs. Said, likely: "the phone had sent it in time, by its Date".
func TestOwnDateSetBack(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.dateShift = -38 * bkS
	p.ex(bkEx{at: last + 155*bkS, newreg: true})
	s.until = last + 160*bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Likely, "had sent it in time") {
		bkFail(t, r, "the phone sent it 40 s late, its Date header jumped")
	}
}

// Truth: C held the first keep-alive (in time) for 53 s; the next one, sent 42 s later, overtook it
// in C. Said is "late already before Expressway-E", and Timer Register Delta is advised.
func TestOwnOvertakenInC(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, inC: 53 * bkS})
	p.ex(bkEx{at: last + 157*bkS, newreg: true})
	p.keep(last+272*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt == judge.BeforeE && ph.CauseConfidence != CannotTell || strings.Contains(ph.Advice, "Timer Register Delta") {
		bkFail(t, r, "C had received the first one in time and kept it")
	}
}

// Truth: the logs end 60 s after a silent drop: three phones of the connection came back by
// keep-alive over a new one; the fourth has not sent anything since. It is registered,
// certain, though all others of its connection were dropped.
func TestOwnFourthOfConnection(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for i := range 4 {
		p := s.phone(i)
		at := time.Duration(5+10*i) * bkS
		p.ex(bkEx{at: at, full: true})
		p.keep(at+115*bkS, 900*bkS, 115*bkS)
	}
	for i := range 3 {
		p := s.phone(i)
		p.cseq, p.local = 200, 25101
		at := time.Duration(5+10*i)*bkS + 8*115*bkS
		if i == 0 {
			p.local = 25100
			p.ex(bkEx{at: at, lost: "CU", own: 408})
			p.local = 25101
			p.ex(bkEx{at: at + 33*bkS, newreg: true})
			continue
		}
		p.ex(bkEx{at: at, newreg: true})
	}
	s.until = 959 * bkS
	s.cut = true
	r := s.report(t)
	if ph := bkFind(t, r, s.phone(3).dev); ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "its connection is gone like that of the others")
	}
}

// Truth: the phone crashed 30 s after its registration and came up again 10 s later with the same
// Call-ID and CSeq (another Via branch, after a final answer: no retransmission); then it
// kept alive in time. The two REGISTERs are taken for one; said, certain, is "came late".
func TestOwnCallIDAndCSeqReused(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.cseq = 100
	p.ex(bkEx{at: 45 * bkS, full: true})
	p.keep(160*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "came late") || ph.LateByS != nil {
		bkFail(t, r, "it was never late")
	}
}

// Truth: the same, but the second REGISTER, with the CSeq of the full one 55 s before, is a keep-alive that
// CUCM took for a new registration: the phone (two lines) is partial. Said is healthy.
func TestOwnCSeqReusedHidesPartial(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.cseq = 100
	p.ex(bkEx{at: 60 * bkS, newreg: true})
	p.keep(175*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if r.Verdict == VerdictHealthy {
		bkFail(t, r, "it came back with one line of two")
	}
}
