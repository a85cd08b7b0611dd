package copyqueue

import (
	"slices"
	"sync/atomic"
	"time"
)

// Work is what somebody wants to copy. It is safe for concurrent use.
type Work struct {
	Incident, Host string // the host by its name

	bytes atomic.Int64
}

// Left says how many bytes are still to be copied.
func (w *Work) Left(n int64) { w.bytes.Store(n) }

func (w *Work) left() int64 {
	if w == nil {
		return 0
	}
	return max(w.bytes.Load(), 0)
}

// For is q for claims that are for some work. Nil stays nil.
func (q *Queue) For(w *Work) *Queue {
	if q == nil {
		return nil
	}
	return &Queue{of: q, work: w}
}

// A Place is one who copies or waits.
type Place struct {
	Incident, Host, Site string
	Address              string
	Left                 int64     // bytes; 0: not known
	Alert, Deadline      time.Time // of the claim
	Copies               bool      // else it waits
	Since                time.Time // it waits; zero: it copies
}

// Places are those who copy, and behind them those who wait, in the order in which their
// turns come as it is now.
func (q *Queue) Places() []Place {
	q.mu.Lock()
	defer q.mu.Unlock()
	working, waiting := slices.Clone(q.working), slices.Clone(q.waiting)
	slices.SortStableFunc(working, inOrder)
	slices.SortStableFunc(waiting, inOrder)
	var all []Place
	for i, t := range append(working, waiting...) {
		c := t.claim
		p := Place{Site: c.Site, Address: c.Host, Host: c.Host, Left: c.Work.left(), Alert: c.Alert, Copies: i < len(working)}
		if c.Work != nil {
			p.Incident, p.Host = c.Work.Incident, c.Work.Host
		}
		if t.urgent() {
			p.Deadline = c.Deadline
		}
		if !p.Copies {
			p.Since = t.since
		}
		all = append(all, p)
	}
	return all
}
