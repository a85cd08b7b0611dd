package mask

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// A pass does one thing with a text.
type pass interface {
	// text is for a text that is no mail. w may be nil where nothing is written.
	text(name string, k Kind, w io.Writer, r io.Reader) error
}

// learning is the first pass.
type learning struct{ m *Masker }

func (l learning) text(_ string, k Kind, _ io.Writer, r io.Reader) error {
	cols, r := columns(k, r)
	return each(r, k == Log, nil, func(c *chunk) {
		s := l.m.scanner(k, nil, c)
		s.columns = cols
		if c.fresh == nil {
			c.fresh = newFresh()
		}
		s.domains = c.fresh.domains
		s.run()
		c.hits = s.hits
		c.err = l.take(c.fresh, s.hits)
	})
}

// scanner scans a chunk in the memory that the one before it had.
func (m *Masker) scanner(k Kind, d *dictionary, c *chunk) *scanner {
	return &scanner{options: options{log: k == Log, identities: m.strength != Credentials, known: d, first: c.line == 1}, b: c.b, hits: c.hits[:0]}
}

// A fresh is what a chunk has that is new, and what those before it in the same memory had.
type fresh struct {
	seen    [classes]map[string]struct{}
	now     [classes][]string
	domains map[string]bool
}

func newFresh() *fresh {
	f := &fresh{domains: map[string]bool{}}
	for c := range f.seen {
		f.seen[c] = map[string]struct{}{}
	}
	return f
}

// maxSeen bounds what each chunk's memory remembers.
const maxSeen = 1 << 16

// take takes in what a scan found.
func (l learning) take(f *fresh, hits []hit) error {
	f.gather(hits)
	err := l.m.learn(f)
	for c := range f.now {
		f.now[c] = f.now[c][:0]
		if len(f.seen[c]) > maxSeen {
			clear(f.seen[c])
		}
	}
	clear(f.domains)
	return err
}

func (f *fresh) gather(hits []hit) {
	var buf []byte
	for i := range hits {
		h := &hits[i]
		switch h.class {
		case coded:
			f.gather(h.coded.hits)
		case macs, addrs, names, numbers:
			buf = canonical(buf[:0], h)
			if _, ok := f.seen[h.class][string(buf)]; !ok {
				v := string(buf)
				f.seen[h.class][v] = struct{}{}
				f.now[h.class] = append(f.now[h.class], v)
			}
		}
	}
}

// canonical appends a hit's value as the table has it.
func canonical(to []byte, h *hit) []byte {
	switch h.class {
	case macs:
		return canonicalMAC(to, h.v)
	case names:
		return appendLower(to, h.v)
	}
	return append(to, h.v...)
}

// masking is the second pass.
type masking struct {
	m     *Masker
	known *dictionary
}

func (p masking) text(_ string, k Kind, w io.Writer, r io.Reader) error {
	cols, r := columns(k, r)
	return each(r, k == Log, w, func(c *chunk) {
		s := p.m.scanner(k, p.known, c)
		s.columns = cols
		s.run()
		c.hits = s.hits
		if c.rw == nil {
			c.rw = &rewriter{table: p.m.table}
		}
		c.out = c.rw.rewrite(c.out[:0], c.b, s.hits, s.msg.done)
		if delicate(c.b, s.hits) {
			p.settled(k, c)
		}
		c.err = c.rw.err
		p.m.count(&c.rw.counts)
		clear(c.rw.counts[:])
	})
}

// delicate reports whether a hit stands behind the beginning of an escape, so that what is
// put there may be read as more of it than what was.
func delicate(b []byte, hits []hit) bool {
	for i := range hits {
		from := int(hits[i].from)
		if bytes.ContainsAny(b[max(0, from-7):from], `%&\#`) {
			return true
		}
	}
	return false
}

// maxAgain is how often a chunk is masked again until it stays as it is.
const maxAgain = 4

// settled masks what came of a chunk again until it stays as it is.
func (p masking) settled(k Kind, c *chunk) {
	again := *c
	for range maxAgain {
		again.b, again.hits = c.out, nil
		s := p.m.scanner(k, p.known, &again)
		s.run()
		out := c.rw.rewrite(nil, c.out, s.hits, s.msg.done)
		if bytes.Equal(out, c.out) {
			return
		}
		c.out = out
	}
}

// name masks a file's name.
func (p masking) name(name string) (string, error) {
	c := &chunk{b: []byte(name)}
	s := p.m.scanner(Text, p.known, c)
	s.run()
	short := scanner{options: s.options, b: s.b}
	short.anyKnown(0, len(s.b))
	rw := rewriter{table: p.m.table}
	out := rw.rewrite(nil, s.b, over(s.hits, short.hits), nil)
	return string(out), rw.err
}

// A rewriter writes a text anew.
type rewriter struct {
	table  *Table
	keep   bool // what the table does not have stays
	seen   [classes]map[string]string
	buf    []byte
	buf2   []byte
	counts [rules]int64
	err    error
}

// rewrite appends b to out with all hits replaced, and each Content-Length as its body asks.
func (rw *rewriter) rewrite(out, b []byte, hits []hit, lengths []lengthOf) []byte {
	if len(lengths) > 0 {
		hits = withLengths(b, hits, lengths)
	}
	at := 0
	for i := range hits {
		h := &hits[i]
		out = append(out, b[at:h.from]...)
		if h.class == length {
			out = rw.relength(out, h, hits[i+1:], lengths[h.at].body)
		} else {
			rw.counts[h.rule] += rw.struck(h)
			out = rw.replace(out, h)
		}
		at = int(h.to)
	}
	return append(out, b[at:]...)
}

// withLengths puts the Content-Lengths among the hits.
func withLengths(b []byte, hits []hit, lengths []lengthOf) []hit {
	more := make([]hit, 0, len(lengths))
	for i, l := range lengths {
		more = append(more, hit{from: int32(l.length.from), to: int32(l.length.to), class: length, rule: ruleLength, v: b[l.length.from:l.length.to], at: int32(i)})
	}
	return over(more, hits)
}

// relength appends a Content-Length by which the hits of its body changed that. Logs write
// bodies otherwise than they were sent, so it is not counted anew.
func (rw *rewriter) relength(out []byte, h *hit, after []hit, body span) []byte {
	by := 0
	for i := range after {
		a := &after[i]
		if int(a.from) >= body.to {
			break
		}
		if int(a.from) >= body.from && a.class != length {
			rw.buf2 = rw.replace(rw.buf2[:0], a)
			by += len(rw.buf2) - len(a.v)
		}
	}
	n, err := strconv.Atoi(string(h.v))
	if by == 0 || err != nil || n == 0 {
		return append(out, h.v...)
	}
	rw.counts[ruleLength]++
	return strconv.AppendInt(out, int64(max(n+by, 0)), 10)
}

// struck is how many changes a hit is.
func (rw *rewriter) struck(h *hit) int64 {
	switch h.class {
	case secret:
		if string(h.v) == stars {
			return 0
		}
	case coded:
		return 0 // what is in it counts
	default:
		rw.buf = canonical(rw.buf[:0], h)
		if rw.pseudonym(h.class, rw.buf) == string(rw.buf) {
			return 0
		}
	}
	return 1
}

// replace appends what is to stand for a hit.
func (rw *rewriter) replace(out []byte, h *hit) []byte {
	switch h.class {
	case secret:
		return append(out, stars...)
	case coded:
		text := rw.rewrite(nil, h.v, h.coded.hits, nil)
		return h.coded.enc.AppendEncode(out, text)
	}
	rw.buf = canonical(rw.buf[:0], h)
	as := rw.pseudonym(h.class, rw.buf)
	switch h.class {
	case macs:
		return respell(out, h.v, as)
	case names:
		return recase(out, h.v, as)
	}
	return append(out, as...)
}

// pseudonym is what stands for a value.
func (rw *rewriter) pseudonym(c class, v []byte) string {
	if as, ok := rw.seen[c][string(v)]; ok {
		return as
	}
	as, ok := rw.table.look(c, v)
	switch {
	case ok:
	case rw.keep:
		as = string(v)
	default:
		var err error
		if as, err = rw.table.assign(c, string(v)); err != nil {
			rw.err = err
		}
	}
	if rw.seen[c] == nil || len(rw.seen[c]) > maxSeen {
		rw.seen[c] = map[string]string{}
	}
	rw.seen[c][string(v)] = as
	return as
}

// recase appends a name with capitals where raw has them.
func recase(out, raw []byte, as string) []byte {
	for i := range len(as) {
		c := as[i]
		if k := raw[min(i, len(raw)-1)]; kinds[k]&isUpper != 0 && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}

// Found is something raw that Search found. It never has the value itself.
type Found struct {
	File string
	Line int64
	Rule string
}

func (f *Found) Error() string {
	return fmt.Sprintf("%s, line %d: after masking something raw is left (%s): nothing was handed over; report this with the rule and the kind of file, not with the line", f.File, f.Line, f.Rule)
}
