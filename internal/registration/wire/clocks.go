package wire

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// ApartFrom is how far two clocks must differ for it to matter, in ns.
const ApartFrom = int64(time.Second)

// Clocks say how the peers' clocks differ from the reference, which is the first C's.
type Clocks struct {
	Ahead   map[logs.Text]int64 // ns by which a host's clock is ahead, where hops show more than ApartFrom
	Offsets []Offset            // by the hosts' names
	Steps   []Step              // by the host's name
	Shifts  []Shift             // by the hosts' names

	groups map[logs.Text]int // of hosts whose clocks were held against each other, from 1 on
	ends   map[int]int64     // of each group: the last record of the peers that talk to CUCM, by its reference clock
}

// An Offset says by how much the clock of a C is ahead of that of an E, as the delays of
// hops show: there and back take as long.
type Offset struct {
	C, E  *logs.Host
	Ahead int64 // ns
}

// Steady is a message's time by the reference clock.
func (c *Clocks) Steady(m *logs.Message) int64 { return c.Unstepped(m) - c.Ahead[m.Host] }

// Unstepped is a message's time by its host's clock as it was before it stepped.
func (c *Clocks) Unstepped(m *logs.Message) int64 {
	at := m.At
	for i := range c.Steps {
		if s := &c.Steps[i]; s.Host == m.Host && s.before(m) {
			at -= s.By
		}
	}
	return at
}

// Agree reports whether the clocks of two hosts may be compared.
func (c *Clocks) Agree(x, y logs.Text) bool {
	stepped := func(h logs.Text) bool { return slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Host == h }) }
	return x == y || c.Ahead[x] == c.Ahead[y] && !stepped(x) && !stepped(y)
}

// Compared reports whether the clocks of two hosts were held against each other, by REGISTERs
// that went through both or others, by CUCM's clock, or by the collector's.
func (c *Clocks) Compared(x, y logs.Text) bool {
	return x == y || c.groups[x] != 0 && c.groups[x] == c.groups[y]
}

// EndOf is where the logs end for what a host logged: with the last record of the peers that talk
// to CUCM, or of all, by the reference clock of that host.
func (w *Wire) EndOf(h logs.Text) int64 {
	if end := w.ends[w.groups[h]]; end != 0 {
		return end
	}
	return w.Logs.End
}

// Stepped reports whether a host's clock was set, or may have been.
func (c *Clocks) Stepped(h logs.Text) bool {
	return slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Host == h }) ||
		slices.ContainsFunc(c.Shifts, func(s Shift) bool { return s.C.ID == h || s.E.ID == h })
}

// compareClocks finds clocks that stepped and clocks that are apart. Times that are
// shown stay as they are.
func compareClocks(l *logs.Logs, lines []*Timeline, others []Witness) *Clocks {
	c := &Clocks{Ahead: map[logs.Text]int64{}, groups: map[logs.Text]int{}, ends: map[int]int64{}}
	c.Steps, c.Shifts = stepsByDate(l, lines)
	pairs := hopsOf(l, lines, c)
	for k, hops := range pairs {
		if at, by, ok := levelShift(offsets(hops)); ok {
			c.Shifts = append(c.Shifts, Shift{C: k[0], E: k[1], At: at, By: by})
		}
		if ahead, ok := medianOffset(hops); ok {
			c.Offsets = append(c.Offsets, Offset{k[0], k[1], ahead})
		}
	}
	slices.SortFunc(c.Offsets, func(x, y Offset) int { return cmp.Or(cmp.Compare(x.C.Name, y.C.Name), cmp.Compare(x.E.Name, y.E.Name)) })
	slices.SortFunc(c.Shifts, func(x, y Shift) int { return cmp.Or(cmp.Compare(x.C.Name, y.C.Name), cmp.Compare(x.E.Name, y.E.Name)) })
	c.spread(l)
	c.link(l, lines, append(others, dateOf))
	c.findEnds(l)

	for _, t := range lines {
		for _, at := range t.Attempts {
			at.Begin = c.Steady(at.Messages[0])
			for _, m := range at.Messages {
				at.Begin = min(at.Begin, c.Steady(m))
			}
		}
	}
	return c
}

// A hop is what one REGISTER shows of the clocks of a C and an E: how long it took to
// C and how long its answer took back, by the two clocks.
type hop struct{ at, there, back int64 }

// maxSamples of hops are enough for a median.
const maxSamples = 1000

// hopsOf are the hops between each C and E, in time order.
func hopsOf(l *logs.Logs, lines []*Timeline, c *Clocks) map[[2]*logs.Host][]hop {
	pairs := map[[2]*logs.Host][]hop{}
	for _, t := range lines {
		for _, at := range t.Attempts {
			out, in, c2, e2 := at.At[logs.OutOfE], at.At[logs.IntoC], at.At[logs.OutOfC], at.At[logs.IntoE]
			if out == nil || in == nil || c2 == nil || e2 == nil || c2.Code != e2.Code || in.Host != c2.Host || out.Host != e2.Host {
				continue
			}
			k := [2]*logs.Host{l.ByName[in.Host], l.ByName[out.Host]}
			pairs[k] = append(pairs[k], hop{c.Unstepped(out), c.Unstepped(in) - c.Unstepped(out), c.Unstepped(e2) - c.Unstepped(c2)})
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
	return (Median(there) - Median(back)) / 2, true
}

// offsets are by how much C's clock is ahead in each hop that was not held up.
func offsets(hops []hop) []sample {
	var out []sample
	for _, h := range hops {
		if (h.there+h.back)/2 < ApartFrom {
			out = append(out, sample{h.at, (h.there - h.back) / 2})
		}
	}
	return out
}

// Median of some values, which are sorted thereby.
func Median(v []int64) int64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func abs(n int64) int64 { return max(n, -n) }
