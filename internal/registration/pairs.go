package registration

import (
	"cmp"
	"slices"
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
const nearby = int64(5 * time.Second)

// mate reports whether two records of the same peer and hash are of one message.
func (m *message) mate(o *message) bool {
	cut := m.is(isCut) && (m.call == 0 || m.cseq == 0) || o.is(isCut) && (o.call == 0 || o.cseq == 0) // what is missing stands in the twin
	return (cut || m.call == o.call && m.cseq == o.cseq) && m.code == o.code && (m.flags^o.flags)&(isRequest|isSent) == 0 &&
		(m.info.length == 0) != (o.info.length == 0) && (m.body.length == 0) != (o.body.length == 0) && abs(m.at-o.at) <= nearby
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

// gather joins what the sources gave: records of one message that stand in two files,
// and files that were given twice or overlap. A message of which neither record has a
// Call-ID is dropped.
func gather(scans []*scan) (msgs []*message, events []event) {
	n := 0
	for _, s := range scans {
		n += len(s.msgs)
	}
	msgs = make([]*message, 0, n)
	for _, s := range scans {
		msgs = append(msgs, s.msgs...)
		events = append(events, s.events...)
		s.msgs, s.events = nil, nil
	}
	slices.SortFunc(msgs, func(x, y *message) int {
		return cmp.Or(cmp.Compare(x.host, y.host), cmp.Compare(x.hash, y.hash), cmp.Compare(x.call, y.call), cmp.Compare(x.at, y.at),
			cmp.Compare(x.info.source, y.info.source), cmp.Compare(x.place().offset, y.place().offset))
	})
	kept := msgs[:0]
	from := 0 // where the run of equal hashes begins in kept
	for _, m := range msgs {
		if len(kept) > from && (m.hash == 0 || kept[from].hash != m.hash || kept[from].host != m.host || kept[from].call != m.call && kept[from].call != 0) {
			from = len(kept)
		}
		if !absorbed(kept[from:], m) {
			kept = append(kept, m)
		}
	}
	clear(msgs[len(kept):])
	msgs = slices.DeleteFunc(kept, func(m *message) bool { return m.call == 0 })
	return msgs, unique(events, func(x, y event) int {
		return cmp.Or(cmp.Compare(x.host, y.host), cmp.Compare(x.at, y.at), cmp.Compare(x.what, y.what))
	})
}

// maxRun bounds with how many of the same hash a message is compared.
const maxRun = 64

// absorbed joins a message to one of a run of equal hash: its other record, or the
// same record in another file.
func absorbed(run []*message, m *message) bool {
	for i := len(run) - 1; i >= max(0, len(run)-maxRun) && m.at-run[i].at <= nearby; i-- {
		o := run[i]
		if o.mate(m) {
			o.take(m)
			return true
		}
		same := o.at == m.at && o.cseq == m.cseq && o.code == m.code && (o.flags^m.flags)&(isRequest|isSent) == 0 && o.far == m.far
		if same && place2(o, m) {
			if o.body.length == 0 && m.body.length > 0 {
				info := o.info
				*o = *m
				o.info = info
			}
			return true
		}
	}
	return false
}

// place2 reports whether two messages stand in different files, or are the same record.
func place2(o, m *message) bool {
	x, y := o.place(), m.place()
	return x.source != y.source || x.offset == y.offset
}

// unique sorts and drops what stands in two files.
func unique[T any](in []T, by func(x, y T) int) []T {
	slices.SortStableFunc(in, by)
	return slices.CompactFunc(in, func(x, y T) bool { return by(x, y) == 0 })
}

func abs(n int64) int64 { return max(n, -n) }
