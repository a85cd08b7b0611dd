package ring

import (
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// Spans are the stretches of the collector's time of which the ring has all
// records, the oldest first; offset is the host's clock minus the collector's. What
// is damaged or missing ends a stretch, and so does what the ring's writer knew to
// be lost. Records may be up to `disorder` out of order.
//
// What is lost may have had records of any time until then. Frames of the file that
// was the newest tell until when: all that was written before them is older. Those of
// other files tell nothing, for a compressed sibling may come into the ring late.
// Without such frames the beginning of the next increment tells: what is lost was read
// before it.
func (l *Log) Spans(offset time.Duration) []evidence.Window {
	if len(l.entries) == 0 {
		return nil
	}
	var out []evidence.Window
	var floor time.Time            // host's time from which on nothing can be lost any more; zero: not known
	var began time.Time            // ringSeen.From of the stretch under way
	first := map[int64]time.Time{} // of the frames of this increment, by file
	open, whole := false, false    // there is a stretch; this increment is all there
	last := l.entries[0].N - 1
	lossy := last != 0 // what came before is not there
	for i := range l.entries {
		e := &l.entries[i]
		if e.N != last+1 || e.bad {
			open, whole, lossy, floor = false, false, true, time.Time{}
			clear(first)
		}
		last = e.N
		switch {
		case e.bad:
		case e.Frame != nil && !e.Frame.First.IsZero():
			if _, ok := first[e.Frame.File]; !ok {
				first[e.Frame.File] = e.Frame.First
			}
		case e.Seen != nil:
			at := e.Seen.At.UTC().Round(0)
			if lossy && floor.IsZero() {
				if t, ok := first[e.Seen.Newest]; ok {
					floor = t.Add(logset.Disorder)
				} else if whole {
					floor = at.Add(offset)
				}
			}
			whole = true // the next one
			clear(first)
			if lossy && floor.IsZero() {
				continue
			}
			if !open || !e.Seen.From.Equal(began) {
				began = e.Seen.From
				out = append(out, evidence.NewWindow(latest(began, floor).Add(-offset), at))
				open = true
			}
			out[len(out)-1].Until = at
		}
	}
	return out
}
