package mask

import (
	"maps"
	"regexp"

	"rtmtgrab/bundle/mask/find"
)

// Restore turns the pseudonyms in a text back, in whatever spelling they stand. A number is
// one wherever it stands alone: what comes back from an analyst is not a log.
func (t *Table) Restore(text string) string {
	back := t.reversed()
	b := []byte(text)
	hits, _ := find.Scan(b, find.Options{Identities: true, Known: back.dictionary(nil, true)}, nil)
	rest := alone(b, func(c find.Class, v []byte) bool { return back.given[c][string(v)] != "" })
	rw := rewriter{table: back, keep: true}
	return string(rw.rewrite(nil, b, find.Over(nil, known(back, hits), rest), nil))
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

// alone finds the names and numbers that has has and that stand alone. What is of a date, a time
// or a fraction is no number.
func alone(text []byte, has func(c find.Class, v []byte) bool) []find.Hit {
	var hits []find.Hit
	for i := 0; i < len(text); {
		from := i
		digits := true
		for ; i < len(text) && (find.IsLetter(text[i]) || find.IsDigit(text[i])); i++ {
			digits = digits && find.IsDigit(text[i])
		}
		h := find.Hit{From: int32(from), To: int32(i), Class: find.Names, V: text[from:i]}
		if digits {
			h.Class = find.Numbers
		}
		if i-from >= 3 && has(h.Class, find.Canonical(nil, &h)) && !(digits && ofTime(text, from, i)) {
			hits = append(hits, h)
		}
		i = max(i, from+1) // what is neither
	}
	return hits
}

var (
	restOfDate = regexp.MustCompile(`^(-\d\d?-\d\d?|/\d\d?/\d\d?|\.\d\d?\.\d\d?)(\D|$)`) // behind a year
	headOfDate = regexp.MustCompile(`(^|\D)(\d\d?-\d\d?-|\d\d?/\d\d?/)$`)                // before one
	fraction   = regexp.MustCompile(`(\d\.|\d\d:\d\d,)$`)                                // before its digits
	fractional = regexp.MustCompile(`^\.\d`)                                             // behind a number that has one
)

// ofTime reports whether digits are the year of a date, or before or behind the point of a number.
func ofTime(text []byte, from, to int) bool {
	before, behind := text[max(0, from-8):from], text[to:min(len(text), to+8)]
	return fraction.Match(before) || fractional.Match(behind) || to-from == 4 && (headOfDate.Match(before) || restOfDate.Match(behind))
}
