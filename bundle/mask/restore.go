package mask

import (
	"maps"

	"rtmtgrab/bundle/mask/find"
)

// Restore turns the pseudonyms in a text back, in whatever spelling they stand. A number is
// one wherever it stands alone: what comes back from an analyst is not a log.
func (t *Table) Restore(text string) string {
	back := t.reversed()
	b := []byte(text)
	hits, _ := find.Scan(b, find.Options{Identities: true, Known: back.dictionary(nil, true)}, nil)
	alone := find.Alone(b, func(c find.Class, v []byte) bool { return back.given[c][string(v)] != "" })
	rw := rewriter{table: back, keep: true}
	return string(rw.rewrite(nil, b, find.Over(nil, known(back, hits), alone), nil))
}

// reversed is a table that gives each pseudonym what it stands for.
func (t *Table) reversed() *Table {
	t.mu.RLock()
	defer t.mu.RUnlock()
	back := newTable(t.key)
	for c := range find.Classes {
		maps.Copy(back.given[c], t.retired[c])
		maps.Copy(back.given[c], t.issued[c])
	}
	return back
}

// known are the hits that a table has something for.
func known(t *Table, hits []find.Hit) []find.Hit {
	var out []find.Hit
	var buf []byte
	for _, h := range hits {
		if h.Class == find.Coded {
			out = append(out, h)
			continue
		}
		buf = find.Canonical(buf[:0], &h)
		if _, ok := t.given[h.Class][string(buf)]; ok {
			out = append(out, h)
		}
	}
	return out
}
