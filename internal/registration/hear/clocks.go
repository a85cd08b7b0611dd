package hear

import (
	"slices"
	"time"

	"rtmtgrab/internal/registration/cucmlog"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// compareClocks finds how far each node's clock is ahead of the wire's: no message arrives
// before it was sent, there and back. Single stamps of an Expressway are off by some ms, so of
// many the outermost do not count.
func compareClocks(h *Heard) {
	there, back := map[*cucmlog.Node][]int64{}, map[*cucmlog.Node][]int64{}
	joined(h, func(a *Arrival, sent, got *logs.Message) {
		h.Joins[a.Node]++
		there[a.Node] = append(there[a.Node], a.Request.At-h.w.Steady(sent))
		if got != nil {
			back[a.Node] = append(back[a.Node], a.Answer.At-h.w.Steady(got))
		}
	})
	for n, up := range there {
		down := back[n]
		slices.Sort(up)
		slices.Sort(down)
		most := up[len(up)/10]
		if len(down) == 0 {
			h.Ahead[n] = most
			continue
		}
		least := down[len(down)-1-len(down)/10]
		if h.Ahead[n] = least + (most-least)/2; least > most+int64(100*time.Millisecond) {
			h.Ahead[n] = wire.Median(up) // a clock was set: most of the messages count
		}
	}
	uncompared(h)
	findSet(h)
}

// joined visits the attempts that stand in a node's trace, with the messages beside them on the
// Expressways; got is nil where the answer is not in both.
func joined(h *Heard, visit func(a *Arrival, sent, got *logs.Message)) {
	for _, line := range h.w.Timelines {
		for _, at := range line.Attempts {
			a := h.arrival(at)
			if a == nil || a.Request == nil {
				continue
			}
			sent, got := beside(at)
			if sent == nil {
				continue
			}
			if got != nil && (a.Answer == nil || got.Code != a.Answer.Code) {
				got = nil
			}
			visit(a, sent, got)
		}
	}
}

// findSet finds the nodes whose clocks were set within their traces: by one shift for all of it a
// message arrives there before it was sent, or its answer is sent after it came. Of such a node
// what it took and said holds, for that is joined by the messages themselves, and when it did so
// does not: a record of before would seem to be one of after.
func findSet(h *Heard) {
	const slack = 2 * near
	joined(h, func(a *Arrival, sent, got *logs.Message) {
		if h.w.Stepped(sent.Host) || got != nil && h.w.Stepped(got.Host) {
			return
		}
		if h.Time(a.Node, a.Request.At) < h.w.Steady(sent)-slack || got != nil && h.Time(a.Node, a.Answer.At) > h.w.Steady(got)+slack {
			h.Set[a.Node] = true
		}
	})
}

// uncompared lets nodes whose clocks could not be compared have the wire's, if their own offset
// was measured; else that of the nodes that could be, for the cluster has one NTP source.
func uncompared(h *Heard) {
	var known []int64
	for n, ahead := range h.Ahead {
		if n.Offset == nil {
			known = append(known, ahead)
		}
	}
	for _, n := range h.Nodes {
		if _, ok := h.Ahead[n]; !ok && n.Offset == nil && len(known) > 0 {
			h.Ahead[n] = wire.Median(known)
		}
	}
}

// timed has an arrival at a node whose clock was set go by the wire: it came when it was sent, and
// was answered as much later as the node says.
func timed(h *Heard, a *Arrival, at *wire.Attempt) *Arrival {
	if !h.Set[a.Node] {
		return a
	}
	a.At, a.Said = 0, 0
	if sent, _ := beside(at); sent != nil && a.Request != nil {
		a.At = h.w.Steady(sent)
		if a.Answer != nil {
			a.Said = a.At + a.Answer.At - a.Request.At
		}
	}
	return a
}

// TimeOf is when a message of an arrival was there, by the wire's clock.
func (a *Arrival) TimeOf(h *Heard, m *cucmlog.Message) int64 {
	if h.Set[a.Node] && a.Request != nil {
		return a.At + m.At - a.Request.At
	}
	return h.Time(m.Node, m.At)
}
