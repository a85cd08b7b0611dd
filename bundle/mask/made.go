package mask

import (
	"bytes"
	_ "embed" // own.txt, zones.txt
	"io"
	"strings"

	"rtmtgrab/bundle/mask/find"
)

var (
	//go:embed own.txt
	ownText string
	//go:embed zones.txt
	zoneText string

	// own are the words that we write ourselves, and those of the names of time zones, which
	// stay. Where a site, a host or a user is called like one nobody can tell which is meant;
	// and what is made is made of what has other names already.
	own = wordSet(ownText, zoneText)
)

func wordSet(texts ...string) map[string]bool {
	set := map[string]bool{}
	for _, text := range texts {
		for _, w := range strings.Fields(text) {
			set[w] = true
		}
	}
	return set
}

// SearchMade is Search for a file that somebody made of what Mask wrote, and put his own
// words around it: a report, a README. What only looks like a name there is none; names and
// numbers are looked for that were replaced, unless they are very short or words of ours, and
// addresses that are no issued ones.
func (m *Masker) SearchMade(name string, k Kind, r io.Reader) error {
	p, err := m.knowing()
	if err != nil {
		return err
	}
	return searchingMade{p}.text(name, k, nil, r)
}

type searchingMade struct{ masking }

func (p searchingMade) text(name string, k Kind, _ io.Writer, r io.Reader) error {
	return each(r, k, nil, func(c *chunk) {
		o := p.m.options(c)
		o.Known, o.Ours = p.known, true
		c.hits, _ = find.Scan(c.b, o, c.hits)
		at, why := p.left(c.hits)
		if why != "" {
			c.err = &Found{File: name, Line: c.line + int64(bytes.Count(c.b[:at], []byte("\n"))), Rule: why}
		}
	})
}

// left is the first hit that was to be replaced, and what it is.
func (p searchingMade) left(hits []find.Hit) (at int, why string) {
	var buf []byte
	for i := range hits {
		h := &hits[i]
		switch h.Class {
		case find.Secret, find.Length:
			continue
		case find.Coded:
			if _, why := p.left(h.Coded.Hits); why != "" {
				return int(h.From), why + ", in base64"
			}
			continue
		}
		if (h.Class == find.Names || h.Class == find.Numbers) && len(h.V) < find.Shortest {
			continue // his own words, or packets, have all letters
		}
		buf = find.Canonical(buf[:0], h)
		if h.Class == find.Names && own[string(buf)] {
			continue
		}
		why := p.m.table.raw(h.Class, buf)
		if why == wasReplaced || why != "" && (h.Class == find.MACs || h.Class == find.Addrs) {
			return int(h.From), h.Rule.String() + ": " + why
		}
	}
	return 0, ""
}
