package mra

import (
	"fmt"
	"strings"
	"time"
)

// remotecc gives the answer to a full REGISTER its body: CUCM's word on what became
// of it. Answers to keep-alives have none.
func (m *message) remotecc(p *phone) {
	code, reason, lines := 200, "", ""
	style := p.style()
	switch style {
	case AnswerBare:
		return
	case AnswerFails:
		code, reason = 500, "Line registration failed"
	case AnswerLists:
		for i, n := range p.numbers { // in which form is not known
			lines += fmt.Sprintf("<contact line=\"%d\" uri=\"sip:%s@%s\"></contact>\r\n", i+1, n, m.dialog.cucm.name)
		}
		lines = "<bulkregisterres>\r\n" + lines + "</bulkregisterres>\r\n"
	}
	xml := fmt.Sprintf("<x-cisco-remotecc-response>\r\n<response>\r\n<code>%d</code>\r\n<reason>%s</reason>\r\n%s<optionsind>\r\n<combine max=\"6\">\r\n"+
		"<remotecc><status/></remotecc>\r\n<service-control/>\r\n</combine>\r\n<dialog usage=\"shared line\"><unot/></dialog>\r\n</optionsind>\r\n</response>\r\n"+
		"</x-cisco-remotecc-response>\r\n", code, reason, lines)
	const kind = "Content-Type: application/x-cisco-remotecc-response+xml"
	if style != AnswerMultipart {
		m.tail = append(m.tail, kind)
		m.body = xml
		return
	}
	m.tail = append(m.tail, "Mime-Version: 1.0", "Content-Type: multipart/mixed;boundary=uniqueBoundary")
	m.body = "--uniqueBoundary\r\n" + kind + "\r\nContent-Disposition: session;handling=optional\r\n\r\n" + xml + "--uniqueBoundary--\r\n"
}

// style is that of CUCM's answers to the phone's full REGISTERs.
func (p *phone) style() AnswerStyle {
	if p.answers != "" {
		return p.answers
	}
	return p.cfg.Full.Answer
}

// fullLines is how many lines CUCM registers by the phone's full REGISTER.
func (p *phone) fullLines() int {
	if p.cfg.Full.OneByOne || p.style() == AnswerFails || p.cfg.Full.Bare {
		return 1
	}
	return len(p.numbers)
}

// welcomed is what follows a new registration: a phone that registers its lines one by
// one does so, and CUCM sends a NOTIFY for each line that registered.
func (p *phone) welcomed(now time.Time, m *message, full bool) {
	if !m.newreg {
		return
	}
	if p.cfg.Full.OneByOne && (full || !p.cfg.Full.OnlyOnce) {
		for i := range p.numbers[1:] {
			d := p.newDialog(p.main.cucm)
			d.number = p.numbers[i+1]
			p.register(now.Add(time.Duration(i+1)*150*time.Millisecond), d, register{expires: 3600, line: i + 1}, nil)
		}
	}
	if !p.cfg.Full.Unseen {
		told := p.numbers[:1]
		if full {
			told = p.numbers[:p.fullLines()]
		}
		for i, n := range told {
			p.site.time.At(now.Add(time.Second+time.Duration(i)*30*time.Millisecond), func(now time.Time) { p.notify(now, n) })
		}
	}
}

// notify is a NOTIFY of CUCM for one of the phone's numbers, and the phone's answer.
func (p *phone) notify(now time.Time, number string) {
	s, u := p.site, p.main.cucm
	l := s.link(p.c, u)
	if !l.up {
		return
	}
	d := &dialog{cucm: u, callID: p.hex(8) + "-" + p.hex(8) + "@" + u.ip, tag: p.hex(12), number: number}
	m := &message{start: fmt.Sprintf("NOTIFY sip:%s@%s:%d;transport=tls SIP/2.0", p.uuid, p.ip, p.port), method: "NOTIFY", dialog: d, cseq: 101,
		vias: []string{fmt.Sprintf("SIP/2.0/TCP %s:5060;branch=z9hG4bK%s", u.ip, p.hex(12))},
		tail: []string{"Max-Forwards: 70", fmt.Sprintf("Contact: <sip:%s:5060;transport=tcp>", u.ip), "Event: message-summary", "Subscription-State: active",
			"Content-Type: application/simple-message-summary"},
		body: "Messages-Waiting: no\r\n"}
	toE := m.forward(fmt.Sprintf("SIP/2.0/TLS %s:%d;branch=z9hG4bK%s;rport", p.c.IP(), p.e.zone.port, p.hex(32)), ";received="+u.ip, "")
	toPhone := toE.forward(fmt.Sprintf("SIP/2.0/TLS %s:5061;branch=z9hG4bK%s;rport", p.e.IP(), p.hex(32)), ";received="+p.c.IP(), "")
	toE.paths, toPhone.paths = nil, nil
	z := p.e.zone
	u.sent(now.Add(-time.Millisecond), p.c.IP(), l.port, m)
	p.c.logSIP(now, false, l.port, u.ip, sipPort, m)
	p.c.logSIP(now.Add(2*time.Millisecond), true, z.port, p.e.IP(), tunnelPort, toE)
	p.e.logSIP(now.Add(4*time.Millisecond), false, tunnelPort, p.c.IP(), z.port, toE)
	p.e.logSIP(now.Add(6*time.Millisecond), true, 5061, p.nat, p.natPort, toPhone)
	back := now.Add(p.ms(30, 8))
	ok := toPhone.answer(200, "OK", p.hex(12), "Server: "+p.model().agent)
	p.e.logSIP(back, false, 5061, p.nat, p.natPort, ok)
	ok = ok.back()
	p.e.logSIP(back.Add(2*time.Millisecond), true, tunnelPort, p.c.IP(), z.port, ok)
	p.c.logSIP(back.Add(4*time.Millisecond), false, z.port, p.e.IP(), tunnelPort, ok)
	ok = ok.back()
	p.c.logSIP(back.Add(6*time.Millisecond), true, l.port, u.ip, sipPort, ok)
	u.received(back.Add(8*time.Millisecond), p.c.IP(), l.port, ok)
}

// A model is what a device says of its kind.
type model struct{ number, agent, load string }

// model is that of a desk phone, or of Jabber by the device's name.
func (p *phone) model() model {
	for prefix, m := range map[string]model{"CSF": {"503", "Cisco-CSF/14.1.3", "Jabber_for_Windows-14.1.3.57304"}, "TCT": {"562", "Cisco-TCT/14.1.3", "Jabber_for_iPhone-14.1.3.308000"},
		"BOT": {"575", "Cisco-BOT/14.1.3", "Jabber_for_Android-14.1.3.308000"}, "TAB": {"652", "Cisco-TAB/14.1.3", "Jabber_for_iPad-14.1.3.308000"}} {
		if strings.HasPrefix(p.device, prefix) {
			return m
		}
	}
	return model{"36217", "Cisco-CP8865/14.1.1", "sip8865.14-1-1-0001-125.loads"}
}
