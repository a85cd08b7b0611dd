package handover

import (
	"slices"
	"strings"
	"time"
)

// A Summary is how it stands with one destination.
type Summary struct {
	Name       string
	Configured bool
	Waiting    int // deliveries that are not at their end, failed ones too
	Failed     int // of them, for good
	Running    bool
	Closed     bool      // it refuses; nothing is tried until somebody has changed something
	Hung       bool      // a delivery hangs there
	Next       time.Time // it is tried again; zero: now, or not
	Oldest     time.Time // of those that wait and are due
	FirstError string    // of one that failed for good
	Seen
}

// Report is how it stands with every destination that is configured, or that bundles wait
// for, by name.
func (e *Engine) Report() (list []Summary) {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	by := map[string]*Summary{}
	for _, j := range s.jobs {
		s.queue(j.Sink)
	}
	for key, l := range s.queues {
		r := &Summary{Name: l.name, Configured: l.to != nil, Running: l.job != "", Closed: l.closed, Hung: l.hung != nil, Seen: s.seen.of(key)}
		if l.notBefore.After(now()) {
			r.Next = l.notBefore
		}
		by[key] = r
	}
	for _, j := range s.jobs {
		if j.State.Final() {
			continue
		}
		r := by[strings.ToLower(j.Sink)]
		r.Waiting++
		if j.State == Failed {
			r.Failed++
			if r.FirstError == "" || j.Incident < r.FirstError {
				r.FirstError = j.Incident + ": " + j.Error
			}
			continue
		}
		from := j.Created
		if j.failures()+j.Unmade == 0 { // it is gathered, and not late before that is over
			from = later(j.Created, j.Due)
		}
		if !from.After(now()) && (r.Oldest.IsZero() || from.Before(r.Oldest)) {
			r.Oldest = from
		}
	}
	for _, r := range by {
		if r.Configured || r.Waiting > 0 {
			list = append(list, *r)
		}
	}
	slices.SortFunc(list, func(a, b Summary) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
