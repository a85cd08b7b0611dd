package registration

import (
	"slices"
	"time"
)

// apartFrom is how far two clocks must differ for it to matter.
const apartFrom = int64(time.Second)

// An apart says by how much the clock of a C is ahead of that of an E, as the delays of
// hops show: there and back take as long.
type apart struct {
	c, e  *host
	ahead int64 // ns
}

// hopTimes are the differences of clocks on the way to C and back.
type hopTimes struct{ there, back []int64 }

// maxSamples of hops are enough for a median.
const maxSamples = 1000

// compareClocks finds clocks that are apart and lets steady set that right. Times that
// are shown stay as they are.
func (a *analysis) compareClocks() {
	pairs := map[[2]*host]*hopTimes{}
	of := func(c, e *message) *hopTimes {
		k := [2]*host{a.byName[c.host], a.byName[e.host]}
		if pairs[k] == nil {
			pairs[k] = &hopTimes{}
		}
		return pairs[k]
	}
	for _, l := range a.lines {
		for _, t := range l.attempts {
			if e, c := t.at[outOfE], t.at[intoC]; e != nil && c != nil {
				if h := of(c, e); len(h.there) < maxSamples {
					h.there = append(h.there, c.at-e.at)
				}
			}
			if c, e := t.at[outOfC], t.at[intoE]; e != nil && c != nil && c.code == e.code {
				if h := of(c, e); len(h.back) < maxSamples {
					h.back = append(h.back, e.at-c.at)
				}
			}
		}
	}
	for k, h := range pairs {
		if len(h.there) > 0 && len(h.back) > 0 {
			a.clocks = append(a.clocks, apart{k[0], k[1], (median(h.there) - median(h.back)) / 2})
		}
	}
	slices.SortFunc(a.clocks, func(x, y apart) int { return first(compare(x.c.name, y.c.name), compare(x.e.name, y.e.name)) })
	known := map[*host]bool{}
	for range a.clocks {
		for _, p := range a.clocks {
			if len(known) == 0 {
				known[p.c] = true
			}
			if abs(p.ahead) < apartFrom && known[p.c] != known[p.e] {
				p.ahead = 0
			}
			switch {
			case known[p.c] && !known[p.e]:
				p.e.shift, known[p.e] = p.c.shift-p.ahead, true
			case known[p.e] && !known[p.c]:
				p.c.shift, known[p.c] = p.e.shift+p.ahead, true
			}
		}
	}
	for _, l := range a.lines {
		for _, t := range l.attempts {
			t.begin = a.steady(t.msgs[0])
			for _, m := range t.msgs {
				t.begin = min(t.begin, a.steady(m))
			}
		}
	}
}

// agree reports whether the clocks of two hosts may be compared.
func (a *analysis) agree(x, y text) bool {
	return x == y || a.byName[x].shift == a.byName[y].shift
}

// median of some values, which are sorted thereby.
func median(v []int64) int64 {
	slices.Sort(v)
	return v[len(v)/2]
}
