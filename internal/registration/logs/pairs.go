package logs

import (
	"time"
)

// pairs joins the INFO and the DEBUG record of one message while a log is read: they
// are near each other, so that only the last few messages need be looked at.
type pairs struct {
	byHash map[uint64]*Message
	ring   [4096]uint64
	next   int
}

func newPairs() *pairs { return &pairs{byHash: map[uint64]*Message{}} }

// add reports whether the message was joined to one that is kept already.
func (p *pairs) add(m *Message) bool {
	if m.Hash == 0 {
		return false
	}
	if o := p.byHash[m.Hash]; o != nil && o.Host == m.Host && o.mate(m) {
		o.take(m)
		delete(p.byHash, m.Hash)
		return true
	}
	delete(p.byHash, p.ring[p.next])
	p.byHash[m.Hash], p.ring[p.next] = m, m.Hash
	p.next = (p.next + 1) % len(p.ring)
	return false
}

// nearby is how far apart the two records of one message may be.
const nearby = 5 * time.Second

// mate reports whether two records of the same peer and hash are of one message.
func (m *Message) mate(o *Message) bool {
	cut := m.Is(Cut) && (m.Call == 0 || m.CSeq == 0) || o.Is(Cut) && (o.Call == 0 || o.CSeq == 0) // what is missing stands in the twin
	return (cut || m.Call == o.Call && m.CSeq == o.CSeq) && m.Code == o.Code && (m.flags^o.flags)&(Request|Sent) == 0 &&
		(m.info.Length == 0) != (o.info.Length == 0) && (m.body.Length == 0) != (o.body.Length == 0) && time.Duration(m.At-o.At).Abs() <= nearby
}

// take joins the other record of a message to it. Of the two times the later counts: one
// without a fraction is too early.
func (m *Message) take(o *Message) {
	line, text := *m, *o
	if o.body.Length == 0 {
		line, text = text, line
	}
	*m = text
	m.At, m.info = max(line.At, text.At), line.info
	if m.User == 0 {
		m.User = line.User
	}
	if m.Call == 0 {
		m.Call = line.Call
	}
	if m.CSeq == 0 {
		m.CSeq = line.CSeq
	}
	if m.To == 0 {
		m.To = line.To
	}
}
