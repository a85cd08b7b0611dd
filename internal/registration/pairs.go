package registration

import (
	"time"
)

// pairs joins the INFO and the DEBUG record of one message while a log is read: they
// are near each other, so that only the last few messages need be looked at.
type pairs struct {
	byHash map[uint64]*message
	ring   [4096]uint64
	next   int
}

func newPairs() *pairs { return &pairs{byHash: map[uint64]*message{}} }

// add reports whether the message was joined to one that is kept already.
func (p *pairs) add(m *message) bool {
	if m.hash == 0 {
		return false
	}
	if o := p.byHash[m.hash]; o != nil && o.host == m.host && o.mate(m) {
		o.take(m)
		delete(p.byHash, m.hash)
		return true
	}
	delete(p.byHash, p.ring[p.next])
	p.byHash[m.hash], p.ring[p.next] = m, m.hash
	p.next = (p.next + 1) % len(p.ring)
	return false
}

// nearby is how far apart the two records of one message may be.
const nearby = 5 * time.Second

// mate reports whether two records of the same peer and hash are of one message.
func (m *message) mate(o *message) bool {
	cut := m.is(isCut) && (m.call == 0 || m.cseq == 0) || o.is(isCut) && (o.call == 0 || o.cseq == 0) // what is missing stands in the twin
	return (cut || m.call == o.call && m.cseq == o.cseq) && m.code == o.code && (m.flags^o.flags)&(isRequest|isSent) == 0 &&
		(m.info.length == 0) != (o.info.length == 0) && (m.body.length == 0) != (o.body.length == 0) && time.Duration(m.at-o.at).Abs() <= nearby
}

// take joins the other record of a message to it. Of the two times the later counts: one
// without a fraction is too early.
func (m *message) take(o *message) {
	line, text := *m, *o
	if o.body.length == 0 {
		line, text = text, line
	}
	*m = text
	m.at, m.info = max(line.at, text.at), line.info
	if m.user == 0 {
		m.user = line.user
	}
	if m.call == 0 {
		m.call = line.call
	}
	if m.cseq == 0 {
		m.cseq = line.cseq
	}
	if m.to == 0 {
		m.to = line.to
	}
}
