package registration

import (
	"cmp"
	"slices"
)

// A change is when all phones of a C came to use another local port to a CUCM node: the
// connection was opened anew. At INFO nothing else shows that.
type change struct {
	c, node  text
	from, to uint16 // ports
	at       int64  // of the first REGISTER over the new one
	phones   int
}

// changes finds them among the REGISTERs that C sent. One phone alone is none.
func changes(w *wire) []change {
	type key struct {
		c   text
		far uint32
	}
	sent := map[key][]*message{}
	for _, l := range w.lines {
		for _, at := range l.attempts {
			if m := at.at[toCUCM]; m != nil && w.texts.end(m.local).Port() != 0 {
				k := key{m.host, m.far}
				sent[k] = append(sent[k], m)
			}
		}
	}
	var out []change
	for k, ms := range sent {
		slices.SortFunc(ms, func(x, y *message) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.call, y.call)) })
		begins, ends := map[uint32]int{}, map[uint32]int{}
		for i, m := range ms {
			if _, ok := begins[m.local]; !ok {
				begins[m.local] = i
			}
			ends[m.local] = i
		}
		for i := 1; i < len(ms); i++ {
			old, now := ms[i-1].local, ms[i].local
			if old == now || ends[old] >= i || begins[now] < i {
				continue
			}
			if n := both(ms[begins[old]:i], ms[i:ends[now]+1]); n > 1 {
				out = append(out, change{k.c, ms[i].to, w.texts.end(old).Port(), w.texts.end(now).Port(), ms[i].at, n})
			}
		}
	}
	slices.SortFunc(out, func(x, y change) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(w.texts.of(x.c), w.texts.of(y.c)))
	})
	return out
}

// both is how many Call-IDs stand in both.
func both(before, after []*message) int {
	calls := map[text]bool{}
	for _, m := range before {
		calls[m.call] = true
	}
	n := 0
	for _, m := range after {
		if calls[m.call] {
			n++
			delete(calls, m.call)
		}
	}
	return n
}

// changeOf is the change that a REGISTER came after; nil: none.
func changeOf(w *wire, t *txn) *change {
	m := t.last.at[toCUCM]
	if m == nil {
		return nil
	}
	for i := range w.changes {
		if c := &w.changes[i]; c.c == m.host && c.node == m.to && c.to == w.texts.end(m.local).Port() {
			return c
		}
	}
	return nil
}
