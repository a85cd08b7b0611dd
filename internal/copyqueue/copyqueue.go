// Package copyqueue decides who copies off the hosts when many incidents want to.
//
// First comes what is not safe yet: who has to copy nearly all the time until it will be overwritten, by
// what its host gives, then by the time when that will be; then the
// oldest alert; last what yields. A place is kept for a slice of bytes and then asked for anew, so nobody
// waits for the end of another's copy; what is not safe waits for the end of a single read. A host, a site and all together have so many
// places; whoever has one and waits for an answer of its peer for long counts for its
// host and its site alone: a sick peer keeps nobody but its own site.
//
// As long as something is not safe there are only as many places as fill the line: many
// that copy side by side would end together, when the first of them has lost already.
// The rest then has every sixteenth byte, whoever has waited longest first: nobody waits
// for ever, and a wrong deadline stops nobody.
//
// It knows nothing of hosts but their names and how fast they answer, and does not copy.
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
	crumb   = 4 << 20         // the same, of the rest's share
	share   = 16              // the rest has one of so many bytes
	stalled = 2 * time.Second // without a further read after which a turn counts for its own site alone; longer on a slow line
)

// A Queue hands places out. Its exported fields are set before the first Join; zero
// stands for the default. Nil is a queue in which nobody waits.
type Queue struct {
	PerHost, PerSite, All int // turns that may copy at a time: 2, 4, 16

	mu      sync.Mutex
	waiting []*Turn // in no order; among equals who came first
	working []*Turn
	retry   *time.Timer // looks again whether a turn has stalled; nil: nobody waits
	line    line        // what it can carry
	owed    int64       // bytes that what is not safe has copied since the rest had its share

	of   *Queue // whose places it hands out, to claims for work; nil: its own
	work *Work
}

// A Claim says who wants to copy, and how urgent it is.
type Claim struct {
	Host, Site string
	Alert      time.Time // older ones first
	Deadline   time.Time // when what is to be copied will be overwritten; zero: it is held, and safe
	Yields     bool      // all others first, whatever is overwritten
	Work       *Work     // what it is for, and how much; nil: nobody says
}

// A Turn is one pass's place in a Queue. It is safe for concurrent use.
type Turn struct {
	queue *Queue
	claim Claim

	left    int64         // bytes of the slice
	seen    time.Time     // when it asked last
	granted chan struct{} // closed when it may copy; nil: it does not wait
	crumb   bool          // it has its place as the share of the rest: beyond the others
	since   time.Time     // it waits
	gauge   gauge
	pace    pace
}

// Join makes a turn, which does not wait before it copies. Leave ends it.
func (q *Queue) Join(c Claim) *Turn {
	if q == nil {
		return nil
	}
	if q.of != nil {
		c.Work, q = q.work, q.of
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
	if slices.Contains(q.working, t) {
		switch q.line.look(q); {
		case q.gives(t): // behind those who wait, if there is a place for one of them
			q.remove(t)
			q.wait(t)
			q.dispatch()
		case t.left <= 0:
			t.left = slice
		}
	} else if t.granted == nil {
		q.wait(t)
		q.dispatch()
	}
	if t.granted == nil {
		q.takes(t, n)
	}
	return t.granted
}

// gives reports whether a turn that works has to let others in.
func (q *Queue) gives(t *Turn) bool {
	switch {
	case t.gauge.reads == 0: // it has just been let in: with a place comes a read, or they might change places for ever
		return false
	case t.left <= 0:
		return len(q.waiting) > 0
	case t.crumb || !q.pressed():
		return false
	}
	before := 0
	for i, o := range q.working {
		if by := inOrder(o, t); !o.crumb && !q.stalled(o) && (by < 0 || by == 0 && i < slices.Index(q.working, t)) {
			before++
		}
	}
	if before >= q.places() {
		return true
	}
	return slices.ContainsFunc(q.waiting, func(o *Turn) bool { return o.urgent() && inOrder(o, t) < 0 && q.free(o, t) })
}

// takes notes that a turn reads n bytes.
func (q *Queue) takes(t *Turn, n int64) {
	t.left -= n
	q.line.done += t.gauge.add(n, t.seen)
	if t.urgent() && slices.ContainsFunc(q.waiting, func(o *Turn) bool { return !o.urgent() }) {
		if q.owed += n; q.owed >= (share-1)*crumb {
			q.dispatch()
		}
	}
}

func (q *Queue) wait(t *Turn) {
	t.granted, t.since = make(chan struct{}), time.Now()
	q.waiting = append(q.waiting, t)
}

// remove takes a turn out of where it is.
func (q *Queue) remove(t *Turn) {
	is := func(o *Turn) bool { return o == t }
	q.working = slices.DeleteFunc(q.working, is)
	q.waiting = slices.DeleteFunc(q.waiting, is)
	t.granted, t.crumb = nil, false
	if len(q.working)+len(q.waiting) == 0 {
		q.line, q.owed = line{}, 0
	}
}

// dispatch gives the free places to those who wait, in their order.
func (q *Queue) dispatch() {
	slices.SortStableFunc(q.waiting, inOrder)
	for i := 0; i < len(q.waiting); {
		if t := q.waiting[i]; q.free(t, nil) {
			q.grant(t, slice)
		} else {
			i++
		}
	}
	q.giveRest()
	q.lookAgain()
}

// giveRest lets in who of the rest has waited longest, beyond the places, when the rest
// is owed so much.
func (q *Queue) giveRest() {
	if q.owed < (share-1)*crumb || slices.ContainsFunc(q.working, func(o *Turn) bool { return o.crumb && !q.stalled(o) }) {
		return
	}
	var next *Turn
	for _, t := range q.waiting {
		if t.urgent() || !q.near(t, nil) {
			continue
		}
		if next == nil || next.claim.Yields && !t.claim.Yields || next.claim.Yields == t.claim.Yields && t.since.Before(next.since) {
			next = t
		}
	}
	if next != nil {
		q.owed = 0
		q.grant(next, crumb)
		next.crumb = true
	}
}

// grant gives a place to one who waits.
func (q *Queue) grant(t *Turn, most int64) {
	q.waiting = slices.DeleteFunc(q.waiting, func(o *Turn) bool { return o == t })
	q.working = append(q.working, t)
	close(t.granted)
	t.granted, t.crumb, t.left, t.seen = nil, false, most, time.Now()
	t.gauge = gauge{}
}

// inOrder has what is not safe first: who has no time to lose, then by deadlines; then the oldest
// alert; last what yields.
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
	if au {
		now := time.Now()
		if at, bt := a.tight(now), b.tight(now); at != bt {
			if at {
				return -1
			}
			return 1
		}
	}
	return cmp.Or(a.claim.Deadline.Compare(b.claim.Deadline), a.claim.Alert.Compare(b.claim.Alert))
}

func (t *Turn) urgent() bool { return !t.claim.Deadline.IsZero() && !t.claim.Yields }

// free reports whether there is a place for t, or would be without another.
func (q *Queue) free(t, without *Turn) bool {
	return q.near(t, without) && q.busy(without) < q.places()
}

// near reports whether there is a place for t at its host and of its site. What is not
// safe shares its host with nobody who moves, nor with who would come after it: they wait for the same
// peer. Its site may have all places.
func (q *Queue) near(t, without *Turn) bool {
	var host, site int
	for _, o := range q.working {
		if o == without {
			continue
		}
		if o.claim.Host == t.claim.Host {
			if host++; (t.urgent() || o.urgent()) && !q.stalled(o) || o.urgent() && inOrder(o, t) <= 0 {
				return false
			}
		}
		if o.claim.Site == t.claim.Site {
			site++
		}
	}
	most := q.perSite()
	if t.urgent() {
		most = max(most, q.all())
	}
	return host < q.perHost() && site < most
}

// busy counts who works, without another.
func (q *Queue) busy(without *Turn) (n int) {
	for _, o := range q.working {
		if o != without && !o.crumb && !q.stalled(o) {
			n++
		}
	}
	return n
}

func (q *Queue) perHost() int { return cmp.Or(q.PerHost, 2) }
func (q *Queue) perSite() int { return cmp.Or(q.PerSite, 4) }
func (q *Queue) all() int     { return cmp.Or(q.All, 16) }

// pressed reports whether somebody's bytes are not safe.
func (q *Queue) pressed() bool {
	return slices.ContainsFunc(q.working, (*Turn).urgent) || slices.ContainsFunc(q.waiting, (*Turn).urgent)
}

// places is how many may work at a time.
func (q *Queue) places() int {
	if q.pressed() {
		return min(q.line.places(), q.all())
	}
	return q.all()
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
