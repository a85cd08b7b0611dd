// Package copyqueue decides who copies off the hosts when many incidents want to.
//
// First comes what is not safe yet, by the time when it will be overwritten; then the
// oldest alert; last what yields. A place is kept for a slice of bytes and then asked for anew, so nobody
// waits for the end of another's copy. A host, a site and all together have so many
// places; whoever has one and waits for an answer of its peer for long counts for its
// host and its site alone: a sick peer keeps nobody but its own site.
//
// It knows nothing of hosts but their names, and does not copy.
package copyqueue

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	slice   = 32 << 20        // bytes that a turn may copy before it asks again, where others wait
	stalled = 2 * time.Second // without a further read after which a turn counts for its own site alone
)

// A Queue hands places out. Its exported fields are set before the first Join; zero
// stands for the default. Nil is a queue in which nobody waits.
type Queue struct {
	PerHost, PerSite, All int // turns that may copy at a time: 2, 4, 16

	mu      sync.Mutex
	waiting []*Turn // in no order
	working []*Turn
	retry   *time.Timer // looks again whether a turn has stalled; nil: nobody waits
}

// A Claim says who wants to copy, and how urgent it is.
type Claim struct {
	Host, Site string
	Alert      time.Time // older ones first
	Deadline   time.Time // when what is to be copied will be overwritten; zero: it is held, and safe
	Yields     bool      // all others first, whatever is overwritten
}

// A Turn is one pass's place in a Queue. It is safe for concurrent use.
type Turn struct {
	queue *Queue
	claim Claim

	left    int64         // bytes of the slice
	seen    time.Time     // when it asked last
	granted chan struct{} // closed when it may copy; nil: it does not wait
}

// Join makes a turn, which does not wait before it copies. Leave ends it.
func (q *Queue) Join(c Claim) *Turn {
	if q == nil {
		return nil
	}
	return &Turn{queue: q, claim: c}
}

// Wait returns when n bytes more may be read, or with ctx's cause when that ends first.
func (t *Turn) Wait(ctx context.Context, n int64) error {
	for t != nil && ctx.Err() == nil {
		granted := t.ask(n)
		if granted == nil {
			return nil
		}
		select {
		case <-granted:
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

// Leave gives the place back.
func (t *Turn) Leave() {
	if t == nil {
		return
	}
	q := t.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.remove(t)
	q.dispatch()
}

// ask takes n bytes off the slice, and returns nil; or what to wait for.
func (t *Turn) ask(n int64) <-chan struct{} {
	q := t.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	t.seen = time.Now()
	works := slices.Contains(q.working, t)
	if works && t.left <= 0 {
		if t.left = slice; len(q.waiting) > 0 { // behind those who wait, if there is a place for one of them
			q.remove(t)
			q.wait(t)
			q.dispatch()
			works = t.granted == nil
		}
	}
	if works {
		t.left -= n
		return nil
	}
	if t.granted == nil {
		q.wait(t)
		q.dispatch()
		if t.granted == nil {
			t.left -= n
			return nil
		}
	}
	return t.granted
}

func (q *Queue) wait(t *Turn) {
	t.granted = make(chan struct{})
	q.waiting = append(q.waiting, t)
}

// remove takes a turn out of where it is.
func (q *Queue) remove(t *Turn) {
	is := func(o *Turn) bool { return o == t }
	q.working = slices.DeleteFunc(q.working, is)
	q.waiting = slices.DeleteFunc(q.waiting, is)
	t.granted = nil
}

// dispatch gives the free places to those who wait, in their order.
func (q *Queue) dispatch() {
	slices.SortStableFunc(q.waiting, inOrder)
	for i := 0; i < len(q.waiting); {
		t := q.waiting[i]
		if !q.free(t) {
			i++
			continue
		}
		close(t.granted)
		t.granted, t.left, t.seen = nil, slice, time.Now()
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.working = append(q.working, t)
	}
	q.lookAgain()
}

// inOrder has what is not safe first, by its deadline; then the oldest alert; last what
// yields.
func inOrder(a, b *Turn) int {
	au, bu := a.urgent(), b.urgent()
	switch {
	case a.claim.Yields != b.claim.Yields:
		if b.claim.Yields {
			return -1
		}
		return 1
	case au && !bu:
		return -1
	case bu && !au:
		return 1
	}
	return cmp.Or(a.claim.Deadline.Compare(b.claim.Deadline), a.claim.Alert.Compare(b.claim.Alert))
}

func (t *Turn) urgent() bool { return !t.claim.Deadline.IsZero() && !t.claim.Yields }

// free reports whether there is a place for t. What is urgent leaves a quarter of the
// places to the rest: a wrong deadline must not stop it.
func (q *Queue) free(t *Turn) bool {
	var host, site, all, urgent int
	for _, o := range q.working {
		if o.claim.Host == t.claim.Host {
			host++
		}
		if o.claim.Site == t.claim.Site {
			site++
		}
		if time.Since(o.seen) < stalled {
			all++
			if o.urgent() {
				urgent++
			}
		}
	}
	most := cmp.Or(q.All, 16)
	return host < cmp.Or(q.PerHost, 2) && site < cmp.Or(q.PerSite, 4) && all < most && !(t.urgent() && urgent >= max(most*3/4, 1))
}

// lookAgain has dispatch called a little later as long as somebody waits: by then one
// who has a place may have stalled.
func (q *Queue) lookAgain() {
	switch {
	case len(q.waiting) == 0:
		if q.retry != nil {
			q.retry.Stop()
			q.retry = nil
		}
	case q.retry == nil:
		q.retry = time.AfterFunc(stalled/2, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.retry = nil
			q.dispatch()
		})
	}
}
