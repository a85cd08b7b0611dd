package logs

import (
	"cmp"
	"slices"
	"time"
)

// gather joins what the sources gave: records of one message that stand in two files,
// and files that were given twice or overlap. A message of which neither record has a
// Call-ID is dropped.
func gather(scans []*Scan) (msgs []*Message, events []Event) {
	n := 0
	for _, s := range scans {
		n += len(s.msgs)
	}
	msgs = make([]*Message, 0, n)
	for _, s := range scans {
		msgs = append(msgs, s.msgs...)
		events = append(events, s.events...)
		s.msgs, s.events = nil, nil
	}
	slices.SortFunc(msgs, func(x, y *Message) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.Hash, y.Hash), cmp.Compare(x.Call, y.Call), cmp.Compare(x.At, y.At),
			cmp.Compare(x.info.Source, y.info.Source), cmp.Compare(x.Place().Offset, y.Place().Offset))
	})
	kept := msgs[:0]
	from := 0 // where the run of equal hashes begins in kept
	for _, m := range msgs {
		if len(kept) > from && (m.Hash == 0 || kept[from].Hash != m.Hash || kept[from].Host != m.Host || kept[from].Call != m.Call && kept[from].Call != 0) {
			from = len(kept)
		}
		if !absorbed(kept[from:], m) {
			kept = append(kept, m)
		}
	}
	clear(msgs[len(kept):])
	msgs = slices.DeleteFunc(kept, func(m *Message) bool { return m.Call == 0 })
	return msgs, unique(events, func(x, y Event) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.At, y.At), cmp.Compare(x.What, y.What))
	})
}

// maxRun bounds with how many of the same hash a message is compared.
const maxRun = 64

// absorbed joins a message to one of a run of equal hash: its other record, or the
// same record in another file.
func absorbed(run []*Message, m *Message) bool {
	for i := len(run) - 1; i >= max(0, len(run)-maxRun) && time.Duration(m.At-run[i].At) <= nearby; i-- {
		o := run[i]
		if o.mate(m) {
			o.take(m)
			return true
		}
		same := o.At == m.At && o.CSeq == m.CSeq && o.Code == m.Code && (o.flags^m.flags)&(Request|Sent) == 0 && o.Far == m.Far
		if same && place2(o, m) {
			if o.body.Length == 0 && m.body.Length > 0 {
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
func place2(o, m *Message) bool {
	x, y := o.Place(), m.Place()
	return x.Source != y.Source || x.Offset == y.Offset
}

// unique sorts and drops what stands in two files.
func unique[T any](in []T, by func(x, y T) int) []T {
	slices.SortStableFunc(in, by)
	return slices.CompactFunc(in, func(x, y T) bool { return by(x, y) == 0 })
}
