package registration

import (
	"strings"
	"testing"
)

// Truth: two phones of one user, each with one line of its own, have the user's name in their
// Contacts, as software and room devices do. One came back by keep-alive, with its one line. Said was:
// partial, certain, for CUCM's NOTIFYs for both numbers were taken for its own.
func TestOwnOneUserTwoPhones(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p, q := s.phone(1), s.phone(2)
	p.user, q.user = "asmith", "asmith"
	for _, x := range []*bkPhone{p, q} {
		x.ex(bkEx{at: 5 * bkS, full: true})
		x.notify(6*bkS, x.number)
		x.keep(120*bkS, 240*bkS, 115*bkS)
	}
	p.ex(bkEx{at: 390 * bkS, newreg: true})
	p.keep(505*bkS, 1180*bkS, 115*bkS)
	q.keep(350*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	ph := bkFind(t, r, p.dev)
	if ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain || strings.Contains(strings.Join(ph.Numbers, " "), q.number) {
		bkFail(t, r, "a phone with one line is called partial")
	}
}

// Truth: two phones share a line; CUCM asked one of them for its problem report, by a NOTIFY that names
// the line alone. Said was of both, certain, that they had been asked.
func TestOwnSharedLineAsked(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p, q := s.phone(1), s.phone(2)
	q.number = p.number
	for _, x := range []*bkPhone{p, q} {
		x.ex(bkEx{at: 5 * bkS, full: true})
		x.keep(120*bkS, 240*bkS, 115*bkS)
		x.ex(bkEx{at: 420 * bkS, newreg: true})
		x.keep(535*bkS, 900*bkS, 115*bkS)
	}
	m := bkMsg{method: "NOTIFY", call: "prt@" + p.node, user: p.number, to: p.to, cseq: 101, expires: -1, branch: "z9hG4bKprt", requestURI: "sip:u" + p.mac + "@192.0.2.35:5061;transport=tls",
		head: []string{"Event: service-control", "Content-Type: text/plain"}, body: "action=prt-report\r\n"}
	p.c.sip(700*bkS, false, p.local, p.node, p.tls, m)
	r := s.report(t)
	if bkFind(t, r, p.dev).PRTAsked != nil || bkFind(t, r, q.dev).PRTAsked != nil {
		bkFail(t, r, "it does not show which of the two was asked")
	}
}
