package registration

import (
	"strings"
	"testing"
	"time"
)

// order is CUCM's NOTIFY to a phone to send its problem report.
func (p *bkPhone) order(at time.Duration, action, call string) {
	m := bkMsg{method: "NOTIFY", call: "prt@" + p.node, user: p.number, to: p.to, cseq: 101, expires: -1, branch: "z9hG4bKprt", requestURI: "sip:u" + p.mac + "@192.0.2.35:5061;transport=tls",
		head: []string{"Event: service-control", "Content-Type: text/plain"}, body: "action=" + action + "\r\nRegisterCallId={" + call + "}\r\n"}
	p.c.sip(at, false, p.local, p.node, p.tls, m)
	p.c.sip(at+time.Millisecond, true, 7001, "192.0.2.1", 25013, m)
}

// That CUCM asked a phone for its problem report is in the logs: of that phone, once, and the advice
// does not ask for it again. Of one that was not asked it says where to ask.
func TestProblemReportAskedFor(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p, q := s.phone(1), s.phone(2)
	for _, x := range []*bkPhone{p, q} {
		x.ex(bkEx{at: 5 * bkS, full: true})
		x.keep(120*bkS, 240*bkS, 115*bkS)
		x.ex(bkEx{at: 420 * bkS, newreg: true})
		x.keep(535*bkS, 900*bkS, 115*bkS)
	}
	p.order(700*bkS, "prt-report", p.call)
	q.order(700*bkS, "reset", q.call)
	r := s.report(t)
	asked, other := bkFind(t, r, p.dev), bkFind(t, r, q.dev)
	if asked.PRTAsked == nil || other.PRTAsked != nil {
		t.Fatalf("asked %v, the other %v", asked.PRTAsked, other.PRTAsked)
	}
	said, proven := 0, 0
	for _, x := range asked.Statements {
		if strings.Contains(x.Text, "problem report (PRT) at") && x.Confidence == Certain {
			said++
		}
	}
	for _, x := range asked.Proofs {
		if strings.Contains(x.What, "prt-report") && x.Time.Equal(*asked.PRTAsked) {
			proven++
		}
	}
	if said != 1 || proven != 1 {
		t.Errorf("said %d times, proven %d times: %+v", said, proven, asked.Statements)
	}
	if strings.Contains(asked.Advice, generate) || !strings.Contains(asked.Advice, "has come") {
		t.Errorf("advice %q", asked.Advice)
	}
	if !strings.Contains(other.Advice, generate) {
		t.Errorf("advice %q", other.Advice)
	}
}
