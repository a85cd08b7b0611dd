package fetch

import (
	"time"

	"rtmtgrab/internal/evidence"
)

// spans are the stretches of the collector's time of which the ring has all
// records, the oldest first; offset is the host's clock minus the collector's. What
// is damaged or missing ends a stretch, and so does what the ring's writer knew to
// be lost. Records may be up to `disorder` out of order.
func (l *ringLog) spans(offset time.Duration) []evidence.Window {
	if len(l.entries) == 0 {
		return nil
	}
	var out []evidence.Window
	var since time.Time // host's time from which all is there after something that is not
	var began time.Time // ringSeen.From of the stretch under way
	open := false       // there is one
	last := l.entries[0].N - 1
	lossy := last != 0 // what came before is not there
	for i := range l.entries {
		e := &l.entries[i]
		if e.N != last+1 || e.bad {
			open, lossy, since = false, true, time.Time{}
		}
		last = e.N
		switch {
		case e.bad:
		case e.Frame != nil && since.IsZero() && !e.Frame.First.IsZero():
			since = e.Frame.First.Add(disorder)
		case e.Seen != nil:
			at := e.Seen.At.UTC().Round(0)
			if !open || !e.Seen.From.Equal(began) {
				began = e.Seen.From
				start := began
				if !open && lossy {
					if since.IsZero() {
						since = at.Add(offset)
					}
					start = latest(start, since)
				}
				out = append(out, evidence.NewWindow(start.Add(-offset), at))
				open = true
			}
			out[len(out)-1].Until = at
		}
	}
	return out
}
