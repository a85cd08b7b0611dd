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

// key is keyKindOf for a word of the text.
func (s *scanner) key(from, to int) Key {
	w := s.b[from:to]
	if s.recent == nil || len(w) == 0 || len(w) > maxKey {
		return keyKindOf(w)
	}
	if !maybeKey(w) {
		return keyNone
	}
	r := &s.recent.keys[recentAt(w)]
	if !bytes.Equal(w, s.b[r.at.From:r.at.To]) {
		*r = recentKey{Span{from, to}, keyKindOf(w)}
	}
	return r.is
}

// hostAgain finds in a host what was found in it before. False: it is not known.
func (s *scanner) hostAgain(from, to int) bool {
	if s.recent == nil || from == to {
		return false
	}
	h := &s.recent.hosts[recentAt(s.b[from:to])]
	if !bytes.Equal(s.b[from:to], s.b[h.at.From:h.at.To]) {
		return false
	}
	for _, l := range h.labels {
		if l.To == 0 {
			break
		}
		s.add(Names, ruleHost, from+l.From, from+l.To)
	}
	return true
}

// rememberHost notes what was found in a host: the hits from n on, if that is all.
func (s *scanner) rememberHost(from, to, n int) {
	if s.recent == nil || from == to || len(s.hits) < n || len(s.hits)-n > 4 {
		return
	}
	h := recentHost{at: Span{from, to}}
	for i := range s.hits[n:] {
		hit := &s.hits[n+i]
		if hit.Class != Names || hit.Rule != ruleHost || int(hit.From) < from || int(hit.To) > to {
			return
		}
		h.labels[i] = Span{int(hit.From) - from, int(hit.To) - from}
	}
	s.recent.hosts[recentAt(s.b[from:to])] = h
}
