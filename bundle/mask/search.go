package mask

import (
	"bytes"
	"io"

	"rtmtgrab/bundle/mask/find"
)

// searching is the third pass, over what the second wrote.
type searching struct{ masking }

func (p searching) text(name string, k Kind, _ io.Writer, r io.Reader) error {
	return each(r, k, nil, func(c *chunk) {
		p.scan(c)
		if c.seen == nil {
			c.seen = &met{}
		}
		at, why := p.left(c.hits, c.seen)
		if why != "" {
			c.err = &Found{File: name, Line: c.line + int64(bytes.Count(c.b[:at], []byte("\n"))), Rule: why}
		}
	})
}

// left is the first hit that is neither stars nor an issued pseudonym, and what it is. seen
// has those that are.
func (p searching) left(hits []find.Hit, seen *met) (at int, why string) {
	var buf []byte
	for i := range hits {
		h := &hits[i]
		switch h.Class {
		case find.Secret:
			if string(h.V) != find.Stars {
				return int(h.From), h.Rule.String()
			}
			continue
		case find.Coded:
			if _, why := p.left(h.Coded.Hits, seen); why != "" {
				return int(h.From), why + ", in base64"
			}
			continue
		}
		buf = find.Canonical(buf[:0], h)
		if seen.look(h.Class, buf) != nil {
			continue
		}
		if why := p.m.table.raw(h.Class, buf); why != "" {
			return int(h.From), h.Rule.String() + ": " + why
		}
		seen.note(h.Class, buf, "")
	}
	return 0, ""
}

const wasReplaced = "a value that was to be replaced"

// raw says why a value may not stand in what was masked; "": it may.
func (t *Table) raw(c find.Class, v []byte) string {
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
