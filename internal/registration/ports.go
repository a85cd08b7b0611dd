package registration

import (
	"cmp"
	"slices"

	"rtmtgrab/internal/registration/logs"
)

// A change is when all phones of a C came to use another local port to a CUCM node: the
// connection was opened anew. At INFO nothing else shows that.
type change struct {
	c, node  logs.Text
	from, to uint16 // ports
	at       int64  // of the first REGISTER over the new one
	phones   int
}

// changes finds them among the REGISTERs that C sent. One phone alone is none.
func changes(w *wire) []change {
	type key struct {
		c   logs.Text
		far uint32
	}
	sent := map[key][]*logs.Message{}
	for _, l := range w.lines {
		for _, at := range l.attempts {
			if m := at.at[logs.ToCUCM]; m != nil && w.Texts.AddrPort(m.Local).Port() != 0 {
				k := key{m.Host, m.Far}
				sent[k] = append(sent[k], m)
			}
		}
	}
	var out []change
	for k, ms := range sent {
		slices.SortFunc(ms, func(x, y *logs.Message) int { return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Call, y.Call)) })
		begins, ends := map[uint32]int{}, map[uint32]int{}
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
				out = append(out, change{k.c, ms[i].To, w.Texts.AddrPort(old).Port(), w.Texts.AddrPort(now).Port(), ms[i].At, n})
			}
		}
	}
	slices.SortFunc(out, func(x, y change) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(w.Texts.Of(x.c), w.Texts.Of(y.c)))
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

// changeOf is the change that a REGISTER came after; nil: none.
func changeOf(w *wire, t *txn) *change {
	m := t.last.at[logs.ToCUCM]
	if m == nil {
		return nil
	}
	for i := range w.changes {
		if c := &w.changes[i]; c.c == m.Host && c.node == m.To && c.to == w.Texts.AddrPort(m.Local).Port() {
			return c
		}
	}
	return nil
}
