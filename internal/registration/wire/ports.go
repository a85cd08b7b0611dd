package wire

import (
	"cmp"
	"slices"

	"rtmtgrab/internal/registration/logs"
)

// A PortChange is when all phones of a C came to use another local port to a CUCM node: the
// connection was opened anew. At INFO nothing else shows that.
type PortChange struct {
	C, Node  logs.Text // the host, and the host in To
	From, To uint16    // local ports
	At       int64     // of the first REGISTER over the new one
	Phones   int       // Call-IDs that went on over it
}

// portChanges finds them among the REGISTERs that C sent. One phone alone is none.
func portChanges(w *Wire) []PortChange {
	type key struct {
		c   logs.Text
		far logs.End
	}
	sent := map[key][]*logs.Message{}
	for _, l := range w.Timelines {
		for _, at := range l.Attempts {
			if m := at.At[logs.ToCUCM]; m != nil && w.Texts.AddrPort(m.Local).Port() != 0 {
				k := key{m.Host, m.Far}
				sent[k] = append(sent[k], m)
			}
		}
	}
	var out []PortChange
	for k, ms := range sent {
		slices.SortFunc(ms, func(x, y *logs.Message) int { return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Call, y.Call)) })
		begins, ends := map[logs.End]int{}, map[logs.End]int{}
		for i, m := range ms {
			if _, ok := begins[m.Local]; !ok {
				begins[m.Local] = i
			}
			ends[m.Local] = i
		}
		for i := 1; i < len(ms); i++ {
			old, now := ms[i-1].Local, ms[i].Local
			if old == now || ends[old] >= i || begins[now] < i {
				continue
			}
			if n := both(ms[begins[old]:i], ms[i:ends[now]+1]); n > 1 {
				out = append(out, PortChange{k.c, ms[i].To, w.Texts.AddrPort(old).Port(), w.Texts.AddrPort(now).Port(), ms[i].At, n})
			}
		}
	}
	slices.SortFunc(out, func(x, y PortChange) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(w.Texts.Of(x.C), w.Texts.Of(y.C)))
	})
	return out
}

// both is how many Call-IDs stand in both.
func both(before, after []*logs.Message) int {
	calls := map[logs.Text]bool{}
	for _, m := range before {
		calls[m.Call] = true
	}
	n := 0
	for _, m := range after {
		if calls[m.Call] {
			n++
			delete(calls, m.Call)
		}
	}
	return n
}

// newPort is the local port that a change is to.
type newPort struct {
	c, node logs.Text
	port    uint16
}

// byPort are the first changes to each port.
func byPort(changes []PortChange) map[newPort]*PortChange {
	out := map[newPort]*PortChange{}
	for i := range changes {
		c := &changes[i]
		if k := (newPort{c.C, c.Node, c.To}); out[k] == nil {
			out[k] = c
		}
	}
	return out
}

// PortChangeOf is the change that a REGISTER came after; nil: none.
func (w *Wire) PortChangeOf(t *Txn) *PortChange {
	m := t.Last.At[logs.ToCUCM]
	if m == nil {
		return nil
	}
	return w.changeTo[newPort{m.Host, m.To, w.Texts.AddrPort(m.Local).Port()}]
}
