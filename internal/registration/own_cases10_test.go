package registration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/registration/judge"
)

// Truth: the connection between C and E closed, and from then on E answered 503 itself. Said was, certain:
// "a refusal: Expressway itself refuses it".
func TestOwn503BehindTraversal(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{true, false} {
		s := bkNew()
		p := s.phone(1)
		p.ex(bkEx{at: 5 * bkS, full: true})
		last := p.keep(120*bkS, 600*bkS, 115*bkS)
		if closed {
			s.e().tcp(last+100*bkS, s.c().ip, 25013, s.e().ip, 7001, bkEOF)
		}
		for at := last + 115*bkS; at < 1195*bkS; at += 30 * bkS {
			p.atE(at, 503)
		}
		r := s.report(t)
		switch ph := bkFind(t, r, p.dev); {
		case closed && ph.Cause != CauseTraversal:
			bkFail(t, r, "its connection to C had closed: cause %s", ph.Cause)
		case ph.CauseConfidence == Certain:
			bkFail(t, r, "E may have had no way to C")
		}
	}
}

// Truth: Expressway-C was restarted by somebody; its Event Log says so. Said was, likely: a connection between C
// and CUCM dropped, and firewalls there are to be looked at.
func TestOwnExpresswayRestarted(t *testing.T) {
	t.Parallel()
	for _, logged := range []bool{true, false} {
		s := bkNew()
		p := s.phone(1)
		p.ex(bkEx{at: 5 * bkS, full: true})
		p.notify(6*bkS, "7055")
		last := p.keep(120*bkS, 600*bkS, 115*bkS)
		if logged {
			s.c().tcp(last+40*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
		}
		s.c().event(last+41*bkS, `tvcs: Event="System Shutdown" Service="System" Detail="restart"`)
		p.local = 25700
		p.ex(bkEx{at: last + 115*bkS, newreg: true})
		p.keep(last+230*bkS, 1190*bkS, 115*bkS)
		r := s.report(t)
		if ph := bkFind(t, r, p.dev); ph.Cause == CauseTCP || ph.LateAt != judge.InC || !bkSays(ph, "", "expc01 itself was restarted at 14:1") {
			bkFail(t, r, "C itself was restarted: %s %s", ph.Cause, ph.LateAt)
		}
	}
}

// Truth: all nodes go by the name of the cluster. One failed, and C sent the phone's next keep-alive to another
// one. Said was: "nothing in these logs explains why CUCM dropped it".
func TestOwnClusterName(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.to = "cluster.example.com"
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 600*bkS, 115*bkS)
	p.node, p.local = "10.0.20.12", 25700
	p.ex(bkEx{at: last + 115*bkS, newreg: true})
	p.keep(last+230*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause != CauseFailover || !bkSays(ph, "", "10.0.20.12") {
		bkFail(t, r, "it came to another node: %s", ph.Cause)
	}
}

// Truth: C reaches one node by IPv4 and by IPv6. It is no other node.
func TestOwnTwoKindsOfAddress(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 600*bkS, 115*bkS)
	p.node, p.local = "2001:db8::11", 25700
	p.ex(bkEx{at: last + 115*bkS, newreg: true})
	p.keep(last+230*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseFailover {
		bkFail(t, r, "that is the same node")
	}
}

// Truth: CUCM had the keep-alive in time, and took it for a new registration 40 s later. Of the 40 s nothing was said.
func TestOwnSlowNewRegistration(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 600*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, trying: true, ans: 40 * bkS, newreg: true})
	p.keep(last+270*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); !bkSays(ph, Certain, "CUCM's final answer to it came 40.0 s") {
		bkFail(t, r, "CUCM was slow")
	}
}

// Truth: C's certificate was no longer accepted by E, as E's Event Log says, and network.tcp is at INFO; E answered
// the phone with 503. Said was: "not known".
func TestOwnTraversalTLS(t *testing.T) {
	t.Parallel()
	for _, port := range []string{"7001", "7003"} {
		s := bkNew()
		p := s.phone(1)
		p.ex(bkEx{at: 5 * bkS, full: true})
		p.notify(6*bkS, "7055")
		last := p.keep(120*bkS, 600*bkS, 115*bkS)
		s.e().event(last+100*bkS, `tvcs: Event="Inbound TLS Negotiation Error" Service="SIP" Src-ip="10.0.30.2" Src-port="25600" Dst-ip="10.0.40.5" Dst-port="`+port+`" Detail="certificate verify failed" Protocol="TLS"`)
		p.atE(last+115*bkS, 503)
		p.ex(bkEx{at: last + 175*bkS, newreg: true})
		p.keep(last+290*bkS, 1190*bkS, 115*bkS)
		r := s.report(t)
		if ph := bkFind(t, r, p.dev); (ph.Cause == CauseTraversal) != (port == "7001") {
			bkFail(t, r, "port %s: cause %s", port, ph.Cause)
		}
	}
}

// Truth: the phone's certificate has expired; it tries to come back every half a minute, and E's Event Log says
// what becomes of it. Said was only that nothing was heard of the phone.
func TestOwnPhoneTLS(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"198.51.100.7", "198.51.100.99"} {
		s := bkNew()
		p := s.phone(1)
		p.ex(bkEx{at: 5 * bkS, full: true})
		last := p.keep(120*bkS, 600*bkS, 115*bkS)
		for i := range 8 {
			s.e().event(last+time.Duration(65+30*i)*bkS, `tvcs: Event="Inbound TLS Negotiation Error" Service="SIP" Src-ip="`+addr+`" Src-port="41000" Dst-ip="10.0.40.5" Dst-port="5061" Detail="sslv3 alert certificate expired" Protocol="TLS"`)
		}
		q := s.phone(2)
		q.ex(bkEx{at: 15 * bkS, full: true})
		q.keep(130*bkS, 1190*bkS, 115*bkS)
		r := s.report(t)
		said := bkSays(bkFind(t, r, p.dev), "", "8 connections from its address 198.51.100.7 failed at Expressway-E")
		if said != (addr == "198.51.100.7") || bkSays(bkFind(t, r, q.dev), "", "failed at Expressway-E") {
			bkFail(t, r, "from %s", addr)
		}
	}
}

// Truth: a record of C's log was cut within its Call-ID, and NULs follow. Said was: "2 phones", one of
// them of the beginning of that Call-ID.
func TestOwnCutCallID(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 1190*bkS, 115*bkS)
	for i, r := range s.c().recs {
		if j := strings.Index(r.text, "Call-ID="); j > 0 && r.at > 700*bkS {
			s.c().recs[i].text = r.text[:j+len("Call-ID=00ebd")] + strings.Repeat("\x00", 300) + "\n"
			break
		}
	}
	r := s.report(t)
	if len(r.Phones) != 1 || r.Phones[0].Verdict != PhoneRegistered {
		bkFail(t, r, "there is one phone")
	}
}

// Truth: bodies were not logged. E answered the phone's REGISTERs with 503 for three minutes; CUCM then took one
// for a new registration. Said was, likely, that it "kept the registration", and of who refuses it "answers 403 .".
func TestOwnNotKnownWhetherKept(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.c().info, s.e().info = func(time.Duration) bool { return true }, func(time.Duration) bool { return true }
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	last := p.keep(120*bkS, 600*bkS, 115*bkS)
	for i := range 6 {
		p.atE(last+time.Duration(115+30*i)*bkS, 503)
	}
	p.ex(bkEx{at: last + 300*bkS, newreg: true})
	p.keep(last+415*bkS, 1190*bkS, 115*bkS)
	q := s.phone(2)
	for at := 20 * bkS; at < 1100*bkS; at += 60 * bkS {
		q.ex(bkEx{at: at, code: 403})
	}
	r := s.report(t)
	if i := slices.IndexFunc(r.Phones, func(ph Phone) bool { return ph.MAC == p.mac }); !bkSays(r.Phones[i], CannotTell, "Cause: not known: Expressway-E received a REGISTER at") {
		bkFail(t, r, "E answered it 503 for three minutes")
	}
	all := bkShow(r)
	if strings.Contains(all, "kept the registration") || strings.Contains(all, "403 .") || !strings.Contains(all, "was answered with success") {
		bkFail(t, r, "whether it kept its registration was not logged")
	}
}

// Truth: C does not accept the certificate of CUCM, as its Event Log says, and answers 503. Said was: "Expressway
// itself refuses it".
func TestOwnTLSToCUCM(t *testing.T) {
	t.Parallel()
	s := bkNew()
	q := s.phone(2)
	q.ex(bkEx{at: 20 * bkS, full: true})
	q.keep(135*bkS, 1190*bkS, 115*bkS)
	p := s.phone(1)
	for i := range 12 {
		at := time.Duration(20+90*i) * bkS
		n := len(s.c().recs)
		p.ex(bkEx{at: at, lost: "CU", own: 503})
		for _, r := range s.c().recs[n:] { // C did not send it, and answered at once
			if !strings.Contains(r.text, "10.0.20.11") {
				s.c().recs[n] = r
				n++
			}
		}
		s.c().recs = s.c().recs[:n]
		s.c().event(at+31*bkS, `tvcs: Event="Outbound TLS Negotiation Error" Service="SIP" Src-ip="10.0.30.2" Src-port="26000" Dst-ip="10.0.20.11" Dst-port="5061" Detail="self signed certificate" Protocol="TLS"`)
	}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt != judge.BetweenCAndCUCM || !bkSays(ph, Likely, "its connection to 10.0.20.11:5061 had failed (Outbound TLS Negotiation Error: self signed certificate)") {
		bkFail(t, r, "it is the certificate of CUCM: %s", ph.LateAt)
	}
}
