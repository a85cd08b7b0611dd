package find

import "bytes"

// recent has what the words of a text turned out to be a moment ago: the same keys and hosts
// come again and again.
type recent struct {
	keys  [64]recentKey
	hosts [64]recentHost
	words [1 << seenBits]seenWord
	lines [1 << lineBits]seenLine
}

// A Memory keeps what words are from one text to the next. It may be used by one scan at a
// time.
type Memory struct {
	recent
	of Options // it holds for these
}

// Long is from how many bytes on a text is worth a Memory.
const Long = 16 << 10

// memory is the one that is given or a new one, fit for the text of a scan with o; nil: none
// is worth while.
func memory(o Options, text []byte) *recent {
	m := o.Memory
	switch {
	case m == nil && len(text) <= Long:
		return nil
	case m == nil:
		return &recent{}
	}
	if m.of.Known != o.Known || m.of.Identities != o.Identities {
		clear(m.words[:])
		clear(m.lines[:])
		m.of = o
	}
	clear(m.keys[:]) // they are where they stand in the text
	clear(m.hosts[:])
	return &m.recent
}

type recentKey struct {
	at Span // of the word, in the scanner's text
	is Key
}

// recentHost is a word that is a host whose labels are names and nothing else.
type recentHost struct {
	at     Span
	labels [4]Span // from the word's beginning; empty ones end them
}

func recentAt(w []byte) uint8 {
	n := len(w)
	h := uint32(w[0]) | uint32(w[n/2])<<8 | uint32(w[n-1])<<16 | uint32(w[n/3])<<24
	return (uint8(h*2654435761>>24) ^ uint8(n)) & 63
}

// key is keyKindOf for b[from:to].
func (r *recent) key(b []byte, from, to int) Key {
	w := b[from:to]
	if r == nil || len(w) == 0 || len(w) > maxKey {
		return keyKindOf(w)
	}
	if !maybeKey(w) {
		return keyNone
	}
	k := &r.keys[recentAt(w)]
	if !bytes.Equal(w, b[k.at.From:k.at.To]) {
		*k = recentKey{Span{from, to}, keyKindOf(w)}
	}
	return k.is
}

// labels are those of the host b[from:to], from its beginning, as they were found before; nil:
// it is not known.
func (r *recent) labels(b []byte, from, to int) []Span {
	if r == nil || from == to {
		return nil
	}
	h := &r.hosts[recentAt(b[from:to])]
	if !bytes.Equal(b[from:to], b[h.at.From:h.at.To]) {
		return nil
	}
	n := 0
	for n < len(h.labels) && h.labels[n].To > 0 {
		n++
	}
	return h.labels[:n]
}

// remember notes that nothing but these hits is in the host b[from:to].
func (r *recent) remember(b []byte, from, to int, hits []Hit) {
	if r == nil || from == to || len(hits) > len(recentHost{}.labels) {
		return
	}
	h := recentHost{at: Span{from, to}}
	for i := range hits {
		hit := &hits[i]
		if hit.Class != Names || hit.Rule != ruleHost || int(hit.From) < from || int(hit.To) > to {
			return
		}
		h.labels[i] = Span{int(hit.From) - from, int(hit.To) - from}
	}
	r.hosts[recentAt(b[from:to])] = h
}
