package registration

import (
	"cmp"
	"slices"
	"time"
)

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
	for i := len(run) - 1; i >= max(0, len(run)-maxRun) && time.Duration(m.at-run[i].at) <= nearby; i-- {
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
