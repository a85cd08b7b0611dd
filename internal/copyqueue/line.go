package copyqueue

import (
	"cmp"
	"slices"
	"time"
)

const (
	first     = 2                      // places as long as nothing is known
	lookEvery = 200 * time.Millisecond // between two looks at what the line carries, at least
	known     = 0.8                    // of it has to be measured, the rest may be guessed
	full      = 0.85                   // of the most that it carried lately: the line is full
	fade      = 0.97                   // what is left of that at the next look
	ample     = 0.8                    // of what somebody gets is enough to end in time: others need not stop
	better    = 1.1                    // times as fast shows that it was of use
	tries     = 3                      // looks at which it was not show that it is not
	rest      = 6                      // looks without fewer places after more were needed
	hurry     = 0.6                    // of what a host gives is needed to the end: its turn has no time to lose
	limited   = 1.5                    // times as fast as another one, over the same line: it is the other's host that gives no more
	longest   = 15 * time.Second       // that patience lasts
)

// A line finds out how many have to copy side by side to fill what all share, whatever it
// is: as long as fewer carry about as much as more did, places are taken away, and so they are
// behind somebody who would come too late.
type line struct {
	room int       // places; 0: nothing is known yet
	most float64   // bytes a second that all together got lately, at most
	rest int       // looks until fewer places are tried again
	at   time.Time // of the last look
	done int64     // bytes since
}

// A gauge measures how fast one turn copies: whole reads that began after the last look.
type gauge struct {
	first, last time.Time
	done, asked int64
	reads       int
	was         float64 // its rate at an earlier look
}

// add notes that a turn asks for n bytes; what it asked for before is here.
func (g *gauge) add(n int64, now time.Time) (here int64) {
	here = g.asked
	if g.reads++; g.first.IsZero() {
		g.first = now
	} else {
		g.done += here
	}
	g.asked, g.last = n, now
	return here
}

// rate is in bytes a second, and whether that was measured; else it was so much before,
// or is at most so much.
func (g *gauge) rate(now time.Time) (rate float64, known bool) {
	if g.done > 0 && g.last.After(g.first) {
		return float64(g.done) / g.last.Sub(g.first).Seconds(), true
	}
	most := float64(g.asked) / max(now.Sub(g.last).Seconds(), 0.001)
	if g.was > 0 {
		most = min(g.was, most)
	}
	return most, false
}

// next begins the measuring anew.
func (g *gauge) next(now time.Time) {
	rate, known := g.rate(now)
	if known {
		g.was = rate
	}
	g.done, g.first = 0, time.Time{}
}

// look measures, when there is enough to be measured, and finds room anew. Its caller has
// the lock.
func (l *line) look(q *Queue) {
	now := time.Now()
	if l.at.IsZero() {
		l.at = now
	}
	if now.Sub(l.at) < lookEvery {
		return
	}
	var guess, sure float64
	working := slices.DeleteFunc(slices.Clone(q.working), q.stalled)
	for _, t := range working {
		rate, known := t.gauge.rate(now)
		if guess += rate; known {
			sure += rate
		}
	}
	if sure < known*guess || len(working) == 0 {
		return
	}
	all := float64(l.done) / now.Sub(l.at).Seconds()
	if len(working) == 1 { // while others stalled little was carried, and not for want of room
		all = max(all, sure)
	}
	l.at, l.done = now, 0
	l.fit(all, working, l.late(working, now), q.all(), now)
	for _, t := range working {
		t.gauge.next(now)
	}
}

// fit finds room for what was measured with so many at work, and for those before the one
// who would come too late.
func (l *line) fit(all float64, turns []*Turn, late, most int, now time.Time) {
	working := len(turns)
	grew := all > l.most/full
	l.most = max(all, l.most*fade)
	room := min(l.places(), most)
	switch {
	case late > 0 && late < working:
		l.room, l.rest = late, rest
	case late > 0 && late == working: // it has all that there is
	case grew && working >= room && slices.ContainsFunc(turns, func(t *Turn) bool { return t.urgent() && t.tight(now) }): // it is not to be crowded
		l.room, l.rest = min(most, room+1), 1
	case grew && working >= room: // more may bring more
		l.room, l.rest = min(most, 2*room), 1
	case all < full*l.most:
		l.room, l.rest = min(most, room+max(1, room/4)), rest
	case l.rest > 0:
		l.rest--
	case working < room && room <= first: // nothing is known of so many
	case room == 1: // once in a while: the line may carry more than it did
		l.room, l.rest = 2, rest
	default:
		room = min(room, working)
		l.room = max(1, room-max(1, room/4))
	}
}

// late is how many there are up to the first who comes too late at the rate that it
// has now; 0: nobody does, or it has been shown that its host gives no more: others get far more over
// the same line, or it got no more when they had stopped.
func (l *line) late(working []*Turn, now time.Time) int {
	slices.SortStableFunc(working, inOrder)
	fastest := fastest(working, now)
	for i, t := range working {
		rate, known := t.gauge.rate(now)
		if !known || !t.urgent() {
			continue
		}
		if rate*limited < fastest {
			t.pace.most = max(rate, t.pace.most)
			continue
		}
		alone := l.room == i+1 && len(working) == i+1
		if t.pace.late(rate, alone) && t.needs(now) > rate*ample {
			return i + 1
		}
	}
	return 0
}

// fastest is the rate of the fastest that was measured.
func fastest(working []*Turn, now time.Time) (most float64) {
	for _, t := range working {
		if rate, known := t.gauge.rate(now); known {
			most = max(most, rate)
		}
	}
	return most
}

// A pace is what a turn has shown that its host gives.
type pace struct {
	most  float64 // bytes a second at a look, at most
	tried int     // looks at which those behind it had stopped, and it got no more
}

// late takes a turn's rate, and reports whether it may get more when others stop.
func (p *pace) late(rate float64, alone bool) bool {
	if rate > p.most*better {
		p.most, p.tried = rate, 0
	} else if alone && rate > p.most/better {
		p.tried++
	}
	return p.tried < tries || rate < p.most/better
}

// tight reports whether a turn has to go on nearly all the time to end in time, by what its host
// has shown to give. It goes before those whose bytes are overwritten sooner, but who can wait: a slow
// host takes little of the line, and what it did not get in time nobody can make up for.
func (t *Turn) tight(now time.Time) bool {
	return t.pace.most > 0 && t.needs(now) > hurry*t.pace.most
}

// needs is at which rate a turn would end just in time; 0: nobody knows.
func (t *Turn) needs(now time.Time) float64 {
	return float64(t.claim.Work.left()) / max(t.claim.Deadline.Sub(now).Seconds(), 0.1)
}

// places is how many may work while something is not safe.
func (l *line) places() int { return cmp.Or(l.room, first) }

// stalled reports whether a turn waits for its peer for longer than the line and the peer's own pace explain.
func (q *Queue) stalled(t *Turn) bool {
	patience := q.line.patience(len(q.working))
	if t.gauge.was > 0 {
		patience = max(patience, min(time.Duration(3*float64(t.gauge.asked)/t.gauge.was*float64(time.Second)), longest))
	}
	return time.Since(t.seen) > patience
}

// patience is how long a read may take with so many at work: what the line explains three times over.
func (l *line) patience(working int) time.Duration {
	if l.most <= 0 {
		return stalled
	}
	const read = 1 << 20
	return min(max(stalled, time.Duration(3*float64(read)*float64(working)/l.most*float64(time.Second))), longest)
}
