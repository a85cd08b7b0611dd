package mask

import "maps"

// Restore turns the pseudonyms in a text back, in whatever spelling they stand. A number is
// one wherever it stands alone: what comes back from an analyst is not a log.
func (t *Table) Restore(text string) string {
	back := t.reversed()
	d := newDictionary(back, nil)
	for v := range back.given[names] {
		if len(v) >= 3 && !distinct(v) {
			d.names[v] = true
			h := nameHash([]byte(v))
			d.filter[h>>6] |= 1 << (h & 63)
		}
	}
	s := scanner{options: options{identities: true, known: d}, b: []byte(text)}
	s.run()
	rw := rewriter{table: back, keep: true}
	loose := scanner{options: s.options, b: s.b}
	loose.loose(back)
	return string(rw.rewrite(nil, s.b, over(known(back, s.hits), loose.hits), nil))
}

// reversed is a table that gives each pseudonym what it stands for.
func (t *Table) reversed() *Table {
	t.mu.RLock()
	defer t.mu.RUnlock()
	back := newTable(t.key)
	for c := range classes {
		maps.Copy(back.given[c], t.retired[c])
		maps.Copy(back.given[c], t.issued[c])
	}
	return back
}

// known are the hits that a table has something for.
func known(t *Table, hits []hit) []hit {
	var out []hit
	var buf []byte
	for _, h := range hits {
		if h.class == coded {
			out = append(out, h)
			continue
		}
		buf = canonical(buf[:0], &h)
		if _, ok := t.given[h.class][string(buf)]; ok {
			out = append(out, h)
		}
	}
	return out
}

// loose finds numbers and short names that stand alone.
func (s *scanner) loose(t *Table) {
	for i := 0; i < len(s.b); {
		if kinds[s.b[i]]&isAlnum == 0 {
			i++
			continue
		}
		from := i
		for i < len(s.b) && kinds[s.b[i]]&isAlnum != 0 {
			i++
		}
		c := names
		if all(s.b[from:i], isDigit) {
			c = numbers
		}
		h := hit{from: int32(from), to: int32(i), class: c, v: s.b[from:i]}
		if v := canonical(nil, &h); len(v) >= 3 && t.given[c][string(v)] != "" {
			s.put(h)
		}
	}
}
