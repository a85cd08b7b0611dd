package find

import (
	"iter"
	"maps"
)

// words are a set that most words are told not to be in at little cost.
type words struct {
	filter *filter
	in     map[string]bool
}

func set(of ...string) words {
	w := words{in: map[string]bool{}}
	for _, s := range of {
		w.in[s] = true
	}
	w.filter = newFilter(maps.Keys(w.in))
	return w
}

// has reports whether a word, in lower case, is in the set.
func (w words) has(word []byte) bool { return w.filter.maybe(word) && w.in[string(word)] }

// folds is has for a word in whatever case.
func (w words) folds(word []byte) bool {
	var buf [32]byte
	return len(word) <= len(buf) && w.has(appendLower(buf[:0], word))
}

// A filter has a bit for the last letter of each word, by its length and its first letter.
type filter [32][32]uint32

func newFilter(of iter.Seq[string]) *filter {
	var f filter
	for w := range of {
		if n := len(w); n > 0 {
			f[n&31][w[0]&31] |= 1 << (w[n-1] & 31)
		}
	}
	return &f
}

func (f *filter) maybe(w []byte) bool {
	n := len(w)
	return n > 0 && f[n&31][w[0]&31]&(1<<(w[n-1]&31)) != 0
}
