package find

import "bytes"

// recent has what the words of a text turned out to be a moment ago: the same keys and hosts
// come again and again.
type recent struct {
	keys  [256]recentKey
	hosts [256]recentHost
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
	return uint8(h*2654435761>>24) ^ uint8(n)
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
