package ring

import (
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// Spans are the stretches of the collector's time of which the ring has all
// records, the oldest first; offset is the host's clock minus the collector's. What
// is damaged or missing ends a stretch, and so does what the ring's writer knew to
// be lost. Records may be up to logset.Disorder out of order.
func (l *Log) Spans(offset time.Duration) []evidence.Window {
	if len(l.entries) == 0 {
		return nil
	}
	last := l.entries[0].N - 1
	s := stretches{offset: offset, first: map[int64]time.Time{}, lossy: last != 0} // what came before is not there
	for i := range l.entries {
		e := &l.entries[i]
		if e.N != last+1 || e.bad {
			s.lose()
		}
		last = e.N
		switch {
		case e.bad:
		case e.Frame != nil:
			s.frame(e.Frame)
		case e.Seen != nil:
			s.seen(e.Seen)
		}
	}
	return s.list
}

// stretches finds out from entry to entry what is whole.
//
// What is lost may have had records of any time until then. Frames of the file that
// was the newest tell until when: all that was written before them is older. Those of
// other files tell nothing, for a compressed sibling may come into the ring late.
// Without such frames the beginning of the next increment tells: what is lost was read
// before it.
type stretches struct {
	offset time.Duration
	list   []evidence.Window

	floor time.Time           // host's time from which on nothing can be lost any more; zero: not known
	began time.Time           // seen.From of the stretch under way
	first map[int64]time.Time // of the frames of this increment, by file
	open  bool                // there is a stretch
	whole bool                // this increment is all there
	lossy bool                // something before is lost
}

// lose notes that an entry is missing or damaged.
func (s *stretches) lose() {
	s.open, s.whole, s.lossy, s.floor = false, false, true, time.Time{}
	clear(s.first)
}

func (s *stretches) frame(f *Frame) {
	if _, ok := s.first[f.File]; !ok && !f.First.IsZero() {
		s.first[f.File] = f.First
	}
}

// seen ends an increment.
func (s *stretches) seen(seen *seen) {
	at := seen.At.UTC().Round(0)
	if s.lossy && s.floor.IsZero() {
		if t, ok := s.first[seen.Newest]; ok {
			s.floor = t.Add(logset.Disorder)
		} else if s.whole {
			s.floor = at.Add(s.offset)
		}
	}
	s.whole = true // the next one
	clear(s.first)
	if s.lossy && s.floor.IsZero() {
		return
	}
	if !s.open || !seen.From.Equal(s.began) {
		s.began, s.open = seen.From, true
		s.list = append(s.list, evidence.NewWindow(latest(s.began, s.floor).Add(-s.offset), at))
	}
	s.list[len(s.list)-1].Until = at
}
