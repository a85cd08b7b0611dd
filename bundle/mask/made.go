package mask

import (
	"bytes"
	"io"
)

// SearchMade is Search for a file that somebody made of what Mask wrote, and put his own
// words around it: a report, a README. What only looks like a name there is none; names and
// numbers are looked for that were replaced, unless they are very short, and addresses that
// are no issued ones.
func (m *Masker) SearchMade(name string, k Kind, r io.Reader) error {
	p, err := m.masking()
	if err != nil {
		return err
	}
	return searchingMade{p}.text(name, k, nil, r)
}

type searchingMade struct{ masking }

func (p searchingMade) text(name string, k Kind, _ io.Writer, r io.Reader) error {
	return each(r, k == Log, nil, func(c *chunk) {
		s := p.m.scanner(k, p.known, c)
		s.run()
		c.hits = s.hits
		at, why := p.left(s.hits)
		if why != "" {
			c.err = &Found{File: name, Line: c.line + int64(bytes.Count(c.b[:at], []byte("\n"))), Rule: why}
		}
	})
}

// left is the first hit that was to be replaced, and what it is.
func (p searchingMade) left(hits []hit) (at int, why string) {
	var buf []byte
	for i := range hits {
		h := &hits[i]
		switch h.class {
		case secret, length:
			continue
		case coded:
			if _, why := p.left(h.coded.hits); why != "" {
				return int(h.from), why + ", in base64"
			}
			continue
		}
		if (h.class == names || h.class == numbers) && len(h.v) < shortest {
			continue // his own words, or packets, have all letters
		}
		buf = canonical(buf[:0], h)
		why := p.m.table.raw(h.class, buf)
		if why == wasReplaced || why != "" && (h.class == macs || h.class == addrs) {
			return int(h.from), ruleNames[h.rule] + ": " + why
		}
	}
	return 0, ""
}
