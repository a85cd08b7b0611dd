package registration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/registration/judge"
)

// ex writes one REGISTER, and returns when C got the answer.
func (p *bkPhone) ex(x bkEx) time.Duration {
	const ms = time.Millisecond
	if !x.sameCSeq {
		p.cseq++
	}
	exp := 3600
	if x.unreg {
		exp = 0
	}
	if x.expiresHeader != nil {
		exp = *x.expiresHeader
	}
	contact := fmt.Sprintf(`<sip:%s@192.0.2.35:5061;transport=tls>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-%s>";+u.sip!devicename.ccm.cisco.com="%s";+u.sip!model.ccm.cisco.com="36217"%s`, p.contactUser(), p.mac, p.dev, x.contactX)
	m := bkMsg{call: p.call, user: p.number, to: p.to, cseq: p.cseq, contact: contact, expires: exp}
	if !p.noDate {
		m.date = bkZero.Add(x.at + p.dateShift)
		if x.date != nil {
			m.date = *x.date
		}
	}
	m.head = append(m.head, x.header...)
	if x.full {
		m.head = append(m.head, `Reason: SIP;cause=200;text="cisco-alarm:25 Name=`+p.dev+` Load=x Last=Initialized"`, "Content-Type: multipart/mixed;boundary=u")
		m.body = bkBulk
	}
	if x.opts {
		m.head = append(m.head, "Content-Type: multipart/mixed;boundary=u")
		m.body = bkOpts
	}
	if x.auth {
		m.head = append(m.head, `Authorization: Digest username="u",realm="ccmsipline",uri="sip:x",response="1",nonce="2"`)
	}
	n := bkNext()
	br := func(hop string) string { return fmt.Sprintf("z9hG4bK%s%d", hop, n) }
	onP, onE, onC := br("p"), br("e"), br("c")
	at := func(b string) bkMsg { y := m; y.branch = b; return y }
	sent := func() bkMsg {
		y := at(onE)
		if p.zone != "" {
			y.via = ";egress-zone=" + p.zone
		}
		return y
	}
	if x.lost == "E" {
		return 0
	}
	t := x.at + pick(x.dE, 15*ms)
	p.e.sip(t, false, 5061, "198.51.100.7", p.src, at(onP))
	t += pick(x.inE, 2*ms)
	p.e.sip(t, true, 7001, p.c.ip, 25013, sent())
	if x.lost == "EC" {
		return 0
	}
	t += pick(x.dEC, 4*ms)
	p.c.sip(t, false, 25013, p.e.ip, 7001, sent())
	t += pick(x.inC, 2*ms)
	p.c.sip(t, true, p.local, p.node, p.tls, at(onC))
	ans := func(code int, own bool) bkMsg {
		a := bkMsg{code: code, call: m.call, user: m.user, to: m.to, cseq: m.cseq, expires: -1}
		switch {
		case own:
			a.head = []string{"Server: TANDBERG/4137 (X14.0.3)"}
			return a
		case code == 100:
			return a
		}
		a.head = []string{"Server: Cisco-CUCM14.0"}
		if !p.noCDate {
			a.date = bkZero.Add(t)
			if p.cucmDate != nil {
				a.date = a.date.Add(p.cucmDate(t))
			}
		}
		switch code {
		case 200:
			if !x.unreg {
				a.contact, a.expires = contact, p.expires
				if x.newreg || x.full {
					a.contact += ";x-cisco-newreg"
				}
			}
			if x.full {
				a.head = append(a.head, "Content-Type: application/x-cisco-remotecc-response+xml")
				a.body = bkRemotecc(pick(x.remotecc, 200))
			}
		case 401:
			a.head = append(a.head, `WWW-Authenticate: Digest realm="ccmsipline",nonce="2",algorithm=MD5`)
		}
		return a
	}
	back := func(t time.Duration, a bkMsg) {
		a.branch = onE
		p.c.sip(t+ms, true, 25013, p.e.ip, 7001, a)
		t += pick(x.ansBack, 3*ms)
		p.e.sip(t+ms, false, 7001, p.c.ip, 25013, a)
		a.branch = onP
		p.e.sip(t+2*ms, true, 5061, "198.51.100.7", p.src, a)
	}
	if x.lost != "" {
		if x.own != 0 {
			back(t+32*bkS, ans(x.own, true))
		}
		return 0
	}
	if x.trying {
		a := ans(100, false)
		a.branch = onC
		p.c.sip(t+5*ms, false, p.local, p.node, p.tls, a)
	}
	t += pick(x.ans, 12*ms)
	a := ans(pick(x.code, 200), false)
	a.branch = onC
	p.c.sip(t, false, p.local, p.node, p.tls, a)
	back(t, a)
	return t
}

// keep sends keep-alives every so often from one time up to another, and returns when
// the last of them was sent.
func (p *bkPhone) keep(from, to, every time.Duration) time.Duration {
	last := from
	for at := from; at <= to; at += every {
		p.ex(bkEx{at: at})
		last = at
	}
	return last
}

// reboot gives the phone another Call-ID.
func (p *bkPhone) reboot(n int) { p.call, p.cseq = bkCall(p.mac, n), 100 }

// notify is a NOTIFY of CUCM to the phone for one of its numbers.
func (p *bkPhone) notify(at time.Duration, number string) {
	p.c.sip(at, false, p.local, p.node, p.tls, bkMsg{method: "NOTIFY", call: fmt.Sprintf("n%d@%s", bkNext(), p.node), user: number, to: p.to, cseq: 101, expires: -1, branch: "z9hG4bKn",
		requestURI: "sip:" + p.contactUser() + "@192.0.2.35:5061;transport=tls"})
}

// contactUser is that by which CUCM calls the phone.
func (p *bkPhone) contactUser() string { return pick(p.user, "u"+p.mac) }

func bkFind(t testing.TB, r *Report, dev string) Phone {
	t.Helper()
	for _, p := range r.Phones {
		if p.Device == dev {
			return p
		}
	}
	t.Fatalf("no phone %s: %s", dev, r.Summary)
	return Phone{}
}

func bkShow(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Verdict, r.Summary)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	for _, g := range r.Groups {
		fmt.Fprintf(&b, "  group: %s (%s) %s\n", g.Summary, g.Confidence, g.Advice)
	}
	for i, p := range r.Phones {
		if i > 8 {
			break
		}
		fmt.Fprintf(&b, "  %s %s/%s %s/%s late %v at %q\n", p.Device, p.Verdict, p.VerdictConfidence, p.Cause, p.CauseConfidence, deref(p.LateByS), p.LateAt)
		for _, s := range p.Statements {
			fmt.Fprintf(&b, "      [%s] %s\n", s.Confidence, s.Text)
		}
		if p.Advice != "" {
			fmt.Fprintf(&b, "      advice: %s\n", p.Advice)
		}
	}
	return b.String()
}

// bkSays finds a sentence about a phone with at least that confidence.
func bkSays(p Phone, confidence, what string) bool {
	for _, s := range p.Statements {
		if strings.Contains(s.Text, what) && (confidence == "" || judge.Lesser(s.Confidence, confidence) == confidence) {
			return true
		}
	}
	return false
}

// bkFail fails with all that the report says.
func bkFail(t *testing.T, r *Report, format string, args ...any) {
	t.Helper()
	t.Errorf(format+"\n%s", append(args, bkShow(r))...)
}

// Truth: a phone with ONE line. A user logs in (Extension Mobility): it unregisters 7001,
// registers 8001 in full, later goes on as 8001 alone; a dropped connection makes its
// keep-alive a new registration, with its one line. The report says partial, certain:
// "the numbers 7001, 8001 were seen".
func TestOwnLoginOfOneLinePhone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 300 * bkS, unreg: true})
	p.reboot(2)
	p.number = "8001"
	p.ex(bkEx{at: 310 * bkS, full: true})
	s.c().tcp(400*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	s.c().tcp(424*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: 425 * bkS, newreg: true})
	p.keep(540*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "a phone with one line is called partial")
	}
}

// Truth: the same without an unregister: the administrator changed the number and reset
// the phone (a full REGISTER with the new number 20 s after the last keep-alive).
func TestOwnRenumberedOneLinePhone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.reboot(2)
	p.number = "7777"
	p.ex(bkEx{at: 255 * bkS, full: true})
	p.ex(bkEx{at: 430 * bkS, newreg: true})
	p.keep(545*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "a phone with one line is called partial")
	}
}

// Truth: the phone came back with one line of two at 14:06 and stays so; its last
// keep-alive before the logs end is answered 503 by C itself. The summary says "no
// phone was seen to go partial", and the verdict is not partial.
func TestOwnPartialThenRefused(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 390 * bkS, newreg: true})
	last := p.keep(505*bkS, 1080*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, lost: "CU", own: 503})
	s.until = last + 150*bkS
	r := s.report(t)
	if r.Verdict != VerdictPartial || strings.Contains(r.Summary, "no phone was seen to go partial") || strings.Contains(r.Summary, "none was seen to go partial") {
		bkFail(t, r, "a phone that came back with one line is passed over")
	}
}

// Truth: line 1 of a phone that registers its lines by separate REGISTERs is never kept
// alive after 14:02 (CUCM drops it at 14:04); line 2 goes on. The report says that the
// phone registered all its lines, certain, and healthy.
func TestOwnOneOfTwoSeparateLinesStops(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	q := *p
	q.call, q.number, q.cseq = bkCall(p.mac, 7), "7055", 100
	q.ex(bkEx{at: 5*bkS + 300*time.Millisecond, full: true})
	q.keep(120*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "one of two lines is gone, and the phone is called registered")
	}
}

// Truth: a phone that registers its two lines one by one after a new registration; from
// 14:08 on CUCM refuses line 2 with 403, so that it has one line of two.
func TestOwnSideLineRefusedLater(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.reboot(2)
	q := *p
	q.call, q.number = bkCall(p.mac, 7), "7055"
	p.ex(bkEx{at: 355 * bkS, newreg: true})
	q.ex(bkEx{at: 355*bkS + 300*time.Millisecond, newreg: true})
	p.keep(470*bkS, 1190*bkS, 115*bkS)
	for at := 470 * bkS; at < 1190*bkS; at += 115 * bkS {
		q.ex(bkEx{at: at + 300*time.Millisecond, code: 403})
	}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered {
		bkFail(t, r, "line 2 is refused since 14:08")
	}
}
