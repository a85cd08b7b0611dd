package registration

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// apartFrom is how far two clocks must differ for it to matter.
const apartFrom = int64(time.Second)

// clocks say how the peers' clocks differ from the reference, which is the first C's.
type clocks struct {
	shift  map[logs.Text]int64 // ns by which a clock is ahead, where hops show more than apartFrom
	apart  []apart
	steps  []step
	shaken []shaken
}

// An apart says by how much the clock of a C is ahead of that of an E, as the delays of
// hops show: there and back take as long.
type apart struct {
	c, e  *logs.Host
	ahead int64 // ns
}

// steady is a message's time by the reference clock.
func (c *clocks) steady(m *logs.Message) int64 { return c.unstepped(m) - c.shift[m.Host] }

// unstepped is a message's time by its host's clock as it was before it stepped.
func (c *clocks) unstepped(m *logs.Message) int64 {
	at := m.At
	for i := range c.steps {
		if s := &c.steps[i]; s.host == m.Host && s.before(m) {
			at -= s.by
		}
	}
	return at
}

// agree reports whether the clocks of two hosts may be compared.
func (c *clocks) agree(x, y logs.Text) bool {
	stepped := func(h logs.Text) bool { return slices.ContainsFunc(c.steps, func(s step) bool { return s.host == h }) }
	return x == y || c.shift[x] == c.shift[y] && !stepped(x) && !stepped(y)
}

// compareClocks finds clocks that stepped and clocks that are apart. Times that are
// shown stay as they are.
func compareClocks(l *logs.Logs, lines []*timeline) *clocks {
	c := &clocks{shift: map[logs.Text]int64{}}
	c.steps, c.shaken = stepsByDate(l, lines)
	pairs := hopsOf(l, lines, c)
	for k, hops := range pairs {
		if at, by, ok := levelShift(offsets(hops)); ok {
			c.shaken = append(c.shaken, shaken{c: k[0], e: k[1], at: at, by: by})
		}
		if ahead, ok := medianOffset(hops); ok {
			c.apart = append(c.apart, apart{k[0], k[1], ahead})
		}
	}
	slices.SortFunc(c.apart, func(x, y apart) int { return cmp.Or(cmp.Compare(x.c.Name, y.c.Name), cmp.Compare(x.e.Name, y.e.Name)) })
	slices.SortFunc(c.shaken, func(x, y shaken) int { return cmp.Or(cmp.Compare(x.c.Name, y.c.Name), cmp.Compare(x.e.Name, y.e.Name)) })
	c.spread()

	for _, t := range lines {
		for _, at := range t.attempts {
			at.begin = c.steady(at.msgs[0])
			for _, m := range at.msgs {
				at.begin = min(at.begin, c.steady(m))
			}
		}
	}
	return c
}

// spread gives every clock its shift, from the first C on.
func (c *clocks) spread() {
	known := map[*logs.Host]bool{}
	for range c.apart {
		for _, p := range c.apart {
			if len(known) == 0 {
				known[p.c] = true
			}
			if abs(p.ahead) < apartFrom && known[p.c] != known[p.e] {
				p.ahead = 0
			}
			switch {
			case known[p.c] && !known[p.e]:
				c.shift[p.e.ID], known[p.e] = c.shift[p.c.ID]-p.ahead, true
			case known[p.e] && !known[p.c]:
				c.shift[p.c.ID], known[p.c] = c.shift[p.e.ID]+p.ahead, true
			}
		}
	}
}

// A hop is what one REGISTER shows of the clocks of a C and an E: how long it took to
// C and how long its answer took back, by the two clocks.
type hop struct{ at, there, back int64 }

// maxSamples of hops are enough for a median.
const maxSamples = 1000

// hopsOf are the hops between each C and E, in time order.
func hopsOf(l *logs.Logs, lines []*timeline, c *clocks) map[[2]*logs.Host][]hop {
	pairs := map[[2]*logs.Host][]hop{}
	for _, t := range lines {
		for _, at := range t.attempts {
			out, in, c2, e2 := at.at[logs.OutOfE], at.at[logs.IntoC], at.at[logs.OutOfC], at.at[logs.IntoE]
			if out == nil || in == nil || c2 == nil || e2 == nil || c2.Code != e2.Code || in.Host != c2.Host || out.Host != e2.Host {
				continue
			}
			k := [2]*logs.Host{l.ByName[in.Host], l.ByName[out.Host]}
			pairs[k] = append(pairs[k], hop{c.unstepped(out), c.unstepped(in) - c.unstepped(out), c.unstepped(e2) - c.unstepped(c2)})
		}
	}
	for _, hops := range pairs {
		slices.SortFunc(hops, func(x, y hop) int {
			return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.there, y.there), cmp.Compare(x.back, y.back))
		})
	}
	return pairs
}

func medianOffset(hops []hop) (int64, bool) {
	var there, back []int64
	for i := 0; i < len(hops); i += 1 + len(hops)/maxSamples {
		there, back = append(there, hops[i].there), append(back, hops[i].back)
	}
	if len(there) == 0 {
		return 0, false
	}
	return (median(there) - median(back)) / 2, true
}

// offsets are by how much C's clock is ahead in each hop that was not held up.
func offsets(hops []hop) []sample {
	var out []sample
	for _, h := range hops {
		if (h.there+h.back)/2 < apartFrom {
			out = append(out, sample{h.at, (h.there - h.back) / 2})
		}
	}
	return out
}

// median of some values, which are sorted thereby.
func median(v []int64) int64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func abs(n int64) int64 { return max(n, -n) }
