package wire

import (
	"maps"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// A Witness tells when another clock saw an attempt: its name, the message that it saw as well,
// and its stamp in ns. Where it did not, or no record of it is there, m is nil.
type Witness func(at *Attempt) (clock string, m *logs.Message, stamp int64)

// dateOf is CUCM's own clock by the Date of its answers, which has whole seconds.
func dateOf(at *Attempt) (clock string, m *logs.Message, stamp int64) {
	for _, s := range []logs.Stage{logs.FromCUCM, logs.IntoE} {
		if m := at.At[s]; m != nil && m.Date != 0 && !m.Is(logs.Own) {
			return "", m, m.Date*int64(time.Second) + int64(time.Second)/2
		}
	}
	return "", nil, 0
}

// spread gives every clock its shift, from the first C on. Peers that no REGISTER connects with
// that one, by whatever others, have a reference of their own: one that was measured, or their
// first C.
func (c *Clocks) spread(l *logs.Logs) {
	group := 0
	found := func(h *logs.Host) {
		if c.groups[h.ID] != 0 {
			return
		}
		group++
		c.groups[h.ID] = group
		for range c.Offsets {
			for _, p := range c.Offsets {
				c.shift(p)
			}
		}
	}
	for _, p := range c.Offsets {
		found(p.C)
	}
	for _, h := range l.Hosts {
		found(h)
	}
	c.measured(l)
}

// shift gives the clock of one end its shift where that of the other is known.
func (c *Clocks) shift(p Offset) {
	ofC, ofE := c.groups[p.C.ID], c.groups[p.E.ID]
	if abs(p.Ahead) < ApartFrom {
		p.Ahead = 0
	}
	switch {
	case ofC != 0 && ofE == 0:
		c.Ahead[p.E.ID], c.groups[p.E.ID] = c.Ahead[p.C.ID]-p.Ahead, ofC
	case ofE != 0 && ofC == 0:
		c.Ahead[p.C.ID], c.groups[p.C.ID] = c.Ahead[p.E.ID]+p.Ahead, ofE
	}
}

// measured lets groups go by the collector's clock where one of theirs was held against it: they
// are one.
func (c *Clocks) measured(l *logs.Logs) {
	one := 0
	for _, h := range l.Hosts {
		if h.Offset == nil || one != 0 && c.groups[h.ID] == one {
			continue
		}
		if one == 0 {
			one = c.groups[h.ID]
		}
		c.merge(c.groups[h.ID], one, -c.Ahead[h.ID])
	}
}

// merge lets a group go by the reference clock of another one, which its own is ahead of by so
// much.
func (c *Clocks) merge(from, to int, ahead int64) {
	for h, g := range c.groups {
		if g != from {
			continue
		}
		if c.groups[h] = to; abs(ahead) >= ApartFrom {
			c.Ahead[h] += ahead
		}
	}
}

// link makes one group of those whose clocks others saw: CUCM's own, by its traces or the Date
// of its answers.
func (c *Clocks) link(l *logs.Logs, lines []*Timeline, by []Witness) {
	for _, see := range by {
		samples := map[seenBy]map[int][]int64{} // of each group, by how much it is ahead
		for _, t := range lines {
			for _, at := range t.Attempts {
				clock, m, stamp := see(at)
				if m == nil {
					continue
				}
				k := seenBy{clock, t.To}
				if samples[k] == nil {
					samples[k] = map[int][]int64{}
				}
				samples[k][c.groups[m.Host]] = append(samples[k][c.groups[m.Host]], c.Steady(m)-stamp)
			}
		}
		for _, k := range sortedClocks(l, samples) {
			if !unsteady(samples[k]) {
				c.join(samples[k])
			}
		}
	}
}

// unsteady reports whether a clock was set, as those show that saw it before and afterwards: it
// holds nothing together. Less than a quarter of the samples may be of what was held up.
func unsteady(ahead map[int][]int64) bool {
	for _, v := range ahead {
		v = slices.Sorted(slices.Values(v))
		if v[len(v)-1-len(v)/4]-v[len(v)/4] > 2*ApartFrom {
			return true
		}
	}
	return false
}

// seenBy is a clock: of a node, by what shows it.
type seenBy struct {
	clock string
	node  logs.Text
}

func sortedClocks(l *logs.Logs, samples map[seenBy]map[int][]int64) []seenBy {
	var out []seenBy
	for k := range samples {
		out = append(out, k)
	}
	slices.SortFunc(out, func(x, y seenBy) int {
		if n := len(samples[y]) - len(samples[x]); n != 0 {
			return n
		}
		return slices.Compare([]string{x.clock, l.Texts.Of(x.node)}, []string{y.clock, l.Texts.Of(y.node)})
	})
	return out
}

// join makes one group of those that one clock saw: each goes by the first.
func (c *Clocks) join(ahead map[int][]int64) {
	var groups []int
	for g := range ahead {
		if slices.Contains(slices.Collect(maps.Values(c.groups)), g) { // else it goes by another one by now
			groups = append(groups, g)
		}
	}
	slices.Sort(groups)
	for _, g := range groups[min(1, len(groups)):] {
		c.merge(g, groups[0], Median(ahead[g])-Median(ahead[groups[0]]))
	}
}

// findEnds tells where the logs end by the reference clock of each group.
func (c *Clocks) findEnds(l *logs.Logs) {
	for _, role := range []string{"C", ""} {
		found := map[int]int64{}
		for _, h := range l.Hosts {
			if role != "" && h.Role != role {
				continue
			}
			if last := l.LastOf(h); last != 0 {
				g := c.groups[h.ID]
				found[g] = max(found[g], last-c.Ahead[h.ID])
			}
		}
		for g, end := range found {
			if c.ends[g] == 0 {
				c.ends[g] = end
			}
		}
	}
}
