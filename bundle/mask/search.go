package mask

import (
	"bytes"
	"io"
)

// searching is the third pass, over what the second wrote.
type searching struct{ masking }

func (p searching) text(name string, k Kind, _ io.Writer, r io.Reader) error {
	cols, r := columns(k, r)
	return each(r, k == Log, nil, func(c *chunk) {
		s := p.m.scanner(k, p.known, c)
		s.columns = cols
		s.run()
		c.hits = s.hits
		at, why := p.left(s.hits)
		if why != "" {
			c.err = &Found{File: name, Line: c.line + int64(bytes.Count(c.b[:at], []byte("\n"))), Rule: why}
		}
	})
}

// left is the first hit that is neither stars nor an issued pseudonym, and what it is.
func (p searching) left(hits []hit) (at int, why string) {
	var buf []byte
	seen := map[string]bool{}
	for i := range hits {
		h := &hits[i]
		switch h.class {
		case secret:
			if string(h.v) != stars {
				return int(h.from), ruleNames[h.rule]
			}
			continue
		case coded:
			if _, why := p.left(h.coded.hits); why != "" {
				return int(h.from), why + ", in base64"
			}
			continue
		}
		buf = append(buf[:0], byte(h.class))
		buf = canonical(buf, h)
		if seen[string(buf)] {
			continue
		}
		if why := p.m.table.raw(h.class, buf[1:]); why != "" {
			return int(h.from), ruleNames[h.rule] + ": " + why
		}
		seen[string(buf)] = true
	}
	return 0, ""
}

const wasReplaced = "a value that was to be replaced"

// raw says why a value may not stand in what was masked; "": it may.
func (t *Table) raw(c class, v []byte) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if _, ok := t.issued[c][string(v)]; ok {
		return ""
	}
	if _, ok := t.given[c][string(v)]; ok {
		return wasReplaced
	}
	return "it looks raw and is no pseudonym"
}
