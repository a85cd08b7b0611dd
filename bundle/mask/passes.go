package mask

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"rtmtgrab/bundle/mask/find"
)

// A pass does one thing with a text.
type pass interface {
	// text is for a text that is no mail. w may be nil where nothing is written.
	text(name string, k Kind, w io.Writer, r io.Reader) error
}

// learning is the first pass.
type learning struct{ m *Masker }

func (l learning) text(_ string, k Kind, _ io.Writer, r io.Reader) error {
	return each(r, k, nil, func(c *chunk) {
		if c.fresh == nil {
			c.fresh = newFresh()
		}
		o := l.m.options(c)
		o.Domains = c.fresh.domains
		c.hits, _ = find.Scan(c.b, o, c.hits)
		c.err = l.take(c.fresh, c.hits)
	})
}

// options are how a chunk is scanned.
func (m *Masker) options(c *chunk) find.Options {
	if c.memory == nil && len(c.b) > find.Long {
		c.memory = &find.Memory{}
	}
	return find.Options{Log: c.kind == Log, Identities: m.strength != Credentials, Columns: c.cols, First: c.line == 1, Memory: c.memory}
}

// A fresh is what a chunk has that is new, and what those before it in the same memory had.
type fresh struct {
	met     met
	now     [find.Classes][]string
	domains map[string]bool
}

func newFresh() *fresh { return &fresh{domains: map[string]bool{}} }

// take takes in what a scan found.
func (l learning) take(f *fresh, hits []find.Hit) error {
	f.gather(hits)
	err := l.m.learn(f)
	for c := range f.now {
		f.now[c] = f.now[c][:0]
	}
	clear(f.domains)
	return err
}

func (f *fresh) gather(hits []find.Hit) {
	var buf []byte
	for i := range hits {
		h := &hits[i]
		switch h.Class {
		case find.Coded:
			f.gather(h.Coded.Hits)
		case find.MACs, find.Addrs, find.Names, find.Numbers:
			buf = find.Canonical(buf[:0], h)
			if f.met.look(h.Class, buf) == nil {
				f.now[h.Class] = append(f.now[h.Class], f.met.note(h.Class, buf, "").v)
			}
		}
	}
}

// masking is the second pass.
type masking struct {
	m      *Masker
	known  *find.Dictionary
	strict bool // nothing raw is left, at whatever price
}

func (p masking) text(_ string, k Kind, w io.Writer, r io.Reader) error {
	return each(r, k, w, func(c *chunk) {
		if c.rw == nil {
			c.rw = &rewriter{table: p.m.table}
		}
		lengths := p.scan(c)
		c.out = c.rw.rewrite(c.out[:0], c.b, c.hits, lengths)
		if p.strict || delicate(c.b, c.hits) {
			p.settled(c)
		}
		if p.strict {
			p.erased(c)
		}
		c.err = c.rw.err
		p.m.count(&c.rw.counts)
		clear(c.rw.counts[:])
	})
}

// scan finds the hits of a chunk, those of what is known among them.
func (p masking) scan(c *chunk) (lengths []find.LengthOf) {
	o := p.m.options(c)
	o.Known = p.known
	c.hits, lengths = find.Scan(c.b, o, c.hits)
	return lengths
}

// delicate reports whether a hit stands behind the beginning of an escape, so that what is
// put there may be read as more of it than what was, or between two @.
func delicate(b []byte, hits []find.Hit) bool {
	for i := range hits {
		from, to := int(hits[i].From), int(hits[i].To)
		if from > 0 && to < len(b) && b[from-1] == '@' && b[to] == '@' {
			return true
		}
		for _, c := range b[max(0, from-7):from] {
			if c == '%' || c == '&' || c == '\\' || c == '#' {
				return true
			}
		}
	}
	return false
}

// maxAgain is how often a chunk is masked again until it stays as it is.
const maxAgain = 4

// settled masks what came of a chunk again until it stays as it is: what is put somewhere can have what stands beside it
// read otherwise, and whoever may send a message chooses that.
func (p masking) settled(c *chunk) {
	again := chunk{kind: c.kind, cols: c.cols, line: c.line, memory: c.memory}
	for range maxAgain {
		again.b = c.out
		lengths := p.scan(&again)
		out := c.rw.rewrite(nil, c.out, again.hits, lengths)
		if bytes.Equal(out, c.out) {
			return
		}
		c.out = out
	}
}

// erased puts stars for whatever still does not settle: in a log from a little before it, each time from farther away, to
// the end of its line.
func (p masking) erased(c *chunk) {
	again := chunk{kind: c.kind, cols: c.cols, line: c.line, memory: c.memory}
	for before := 16; before <= 16<<(2*maxAgain); before *= 4 {
		again.b = c.out
		p.scan(&again)
		if !p.erase(c, again.hits, before) {
			return
		}
	}
}

// erase puts stars for the hits that are raw; false: there is none.
func (p masking) erase(c *chunk, hits []find.Hit, before int) bool {
	var out []byte
	at := 0
	for i := range hits {
		h := &hits[i]
		if int(h.From) < at {
			continue
		}
		if _, why := (searching{p}).left(hits[i:i+1], &met{}); why == "" {
			continue
		}
		from, to := int(h.From), int(h.To)
		if c.kind == Log || c.kind == Text {
			from = max(at, from-before, bytes.LastIndexByte(c.out[:from], '\n')+1)
			line, _, _ := bytes.Cut(c.out[from:], []byte("\n"))
			to = from + len(line)
		}
		out = append(append(out, c.out[at:from]...), find.Stars...)
		at = to
		c.rw.counts[h.Rule]++
	}
	if at == 0 {
		return false
	}
	c.out = append(out, c.out[at:]...)
	return true
}

// name masks a file's name, a host's, or a number that is known.
func (p masking) name(name string) (string, error) {
	if as, ok := p.m.table.look(find.Numbers, []byte(name)); ok {
		return as, nil
	}
	c := &chunk{b: []byte(name)}
	p.scan(c)
	rw := rewriter{table: p.m.table}
	out := rw.rewrite(nil, c.b, find.Over(nil, c.hits, find.Known(c.b, find.Options{Identities: true, Known: p.known})), nil)
	return string(out), rw.err
}

// A rewriter writes a text anew.
type rewriter struct {
	table  *Table
	keep   bool // what the table does not have stays
	met    met
	counts [find.Rules]int64
	err    error

	// What is used again.
	buf, buf2     []byte
	hits, lengths []find.Hit
}

// rewrite appends b to out with all hits replaced, and each Content-Length as its body asks.
func (rw *rewriter) rewrite(out, b []byte, hits []find.Hit, lengths []find.LengthOf) []byte {
	if len(lengths) > 0 {
		hits = rw.withLengths(b, hits, lengths)
	}
	at := 0
	for i := range hits {
		h := &hits[i]
		out = append(out, b[at:h.From]...)
		if h.Class == find.Length {
			out = rw.relength(out, h, hits[i+1:], lengths[h.At].Body)
		} else {
			out = rw.put(out, b, h)
		}
		at = int(h.To)
	}
	return append(out, b[at:]...)
}

// put appends what is to stand for a hit of b. What is called as it stands there stays,
// however it is written.
func (rw *rewriter) put(out, b []byte, h *find.Hit) []byte {
	was := len(out)
	out, same := rw.replace(out, h)
	switch {
	case same:
		return append(out[:was], b[h.From:h.To]...)
	case h.Class != find.Coded: // what is in it was counted
		rw.counts[h.Rule]++
	}
	return out
}

// withLengths puts the Content-Lengths among the hits, but for those that stand in one: no secret stays for one's sake.
func (rw *rewriter) withLengths(b []byte, hits []find.Hit, lengths []find.LengthOf) []find.Hit {
	rw.lengths = rw.lengths[:0]
	for i, l := range lengths {
		rw.lengths = append(rw.lengths, find.Hit{From: int32(l.Value.From), To: int32(l.Value.To), Class: find.Length, Rule: find.RuleLength, V: b[l.Value.From:l.Value.To], At: int32(i)})
	}
	rw.hits = find.Over(rw.hits[:0], hits, rw.lengths)
	return rw.hits
}

// relength appends a Content-Length by which the hits of its body changed that. Logs write
// bodies otherwise than they were sent, so it is not counted anew.
func (rw *rewriter) relength(out []byte, h *find.Hit, after []find.Hit, body find.Span) []byte {
	by := 0
	for i := range after {
		a := &after[i]
		if int(a.From) >= body.To {
			break
		}
		if int(a.From) >= body.From && a.Class != find.Length {
			var same bool
			if rw.buf2, same = rw.replace(rw.buf2[:0], a); same {
				continue
			}
			if by += len(rw.buf2) - len(a.V); a.Class == find.Coded {
				by -= a.Coded.Enc.EncodedLen(len(a.V)) - len(a.V)
			}
		}
	}
	n, err := strconv.Atoi(string(h.V))
	if by == 0 || err != nil || n == 0 {
		return append(out, h.V...)
	}
	rw.counts[find.RuleLength]++
	return strconv.AppendInt(out, int64(max(n+by, 0)), 10)
}

// replace appends what is to stand for a hit. same: it is called so already.
func (rw *rewriter) replace(out []byte, h *find.Hit) (_ []byte, same bool) {
	switch h.Class {
	case find.Secret:
		return append(out, find.Stars...), int(h.To-h.From) == len(find.Stars) && string(h.V) == find.Stars
	case find.Coded:
		text := rw.rewrite(nil, h.V, h.Coded.Hits, nil)
		return h.Coded.Enc.AppendEncode(out, text), bytes.Equal(text, h.V)
	}
	rw.buf = find.Canonical(rw.buf[:0], h)
	as := rw.pseudonym(h.Class, rw.buf)
	same = as == string(rw.buf)
	switch h.Class {
	case find.MACs:
		return respell(out, h.V, as), same
	case find.Names:
		return recase(out, h.V, as), same
	case find.Addrs:
		return find.SpellAddr(out, h, as), same
	}
	return append(out, as...), same
}

// pseudonym is what stands for a value.
func (rw *rewriter) pseudonym(c find.Class, v []byte) string {
	if l := rw.met.look(c, v); l != nil {
		return l.as
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
	rw.met.note(c, v, as)
	return as
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
