package logset

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	readingMost = 16 << 20        // bytes that looking for windows may have in hand, of all hosts
	overdue     = 2 * time.Second // after which a share counts among those of slow hosts
	overdueMost = 2               // times as much for those
	lookOverdue = overdue / 4     // between two looks whether a share has become overdue
)

// reading is what all that look for windows in logs share: hundreds of hosts may be looked at at
// once, each with dozens of files. Holding takes nothing of it, and never waits for it.
var reading = &budget{most: readingMost}

// A budget is memory that many share, in the order in which they ask for it: each asks for what one file
// takes, and again for the next one, so that none keeps many others waiting. A share that is out
// for long, for its host hardly answers, counts no more against the others, until there are so
// many of those that they have a multiple of the budget; a host that says nothing is given up
// after half a minute, and its shares come back. It is safe for concurrent use.
type budget struct {
	most int64

	mu      sync.Mutex
	shares  []*share // that are out
	waiting []*share // in their order
	timer   *time.Timer
}

type share struct {
	of    *budget
	bytes int64
	since time.Time     // it is out
	given chan struct{} // closed when it is
}

// take waits for n bytes. Who wants more than there is gets all of it.
func (b *budget) take(ctx context.Context, n int64) (*share, error) {
	s := &share{of: b, bytes: min(n, b.most), given: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, s)
	b.dispatch()
	b.mu.Unlock()
	select {
	case <-s.given:
		return s, nil
	case <-ctx.Done():
		s.giveBack()
		return nil, context.Cause(ctx)
	}
}

// try is take for who can do without; nil: there is not so much left, or others wait.
func (b *budget) try(n int64) *share {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &share{of: b, bytes: n, given: make(chan struct{})}
	if len(b.waiting) > 0 || !b.fits(s) {
		return nil
	}
	b.give(s)
	return s
}

func (s *share) giveBack() {
	b := s.of
	b.mu.Lock()
	defer b.mu.Unlock()
	is := func(o *share) bool { return o == s }
	b.shares = slices.DeleteFunc(b.shares, is)
	b.waiting = slices.DeleteFunc(b.waiting, is)
	b.dispatch()
}

// dispatch gives those who wait their shares, in their order, as far as there is something.
func (b *budget) dispatch() {
	for len(b.waiting) > 0 && b.fits(b.waiting[0]) {
		s := b.waiting[0]
		b.waiting = slices.Delete(b.waiting, 0, 1)
		b.give(s)
	}
	switch {
	case len(b.waiting) == 0 && b.timer != nil:
		b.timer.Stop()
		b.timer = nil
	case len(b.waiting) > 0 && b.timer == nil:
		b.timer = time.AfterFunc(lookOverdue, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.timer = nil
			b.dispatch()
		})
	}
}

func (b *budget) give(s *share) {
	s.since = time.Now()
	b.shares = append(b.shares, s)
	close(s.given)
}

// fits reports whether there is something left for s.
func (b *budget) fits(s *share) bool {
	var all, fresh int64
	now := time.Now()
	for _, o := range b.shares {
		if all += o.bytes; now.Sub(o.since) < overdue {
			fresh += o.bytes
		}
	}
	return fresh+s.bytes <= b.most && all+s.bytes <= (1+overdueMost)*b.most
}
