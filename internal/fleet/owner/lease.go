package owner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/owner/claims"
)

// How long things take; takeover needs less than 45 s in all.
const (
	pinnedFor  = 18 * time.Second // after its last request the hub pins another
	fetchFor   = 8 * time.Second  // a request for alerts waits
	ackWait    = 20 * time.Second // after which the hub delivers to whoever is pinned then
	workEvery  = 4 * time.Second  // between two looks at what is owned, and two signs of life of an owner that works
	provenFor  = 10 * time.Second // an epoch that was not proven for so long may be over
	staleAfter = 22 * time.Second // an owner that has given no sign of life for so long, as this collector saw it, is gone
	unfitAfter = 3 * staleAfter   // a collector that leaves sites to others waits for them
	askFor     = 10 * time.Second // the hub, at most, for one answer and what takes a few
	alertFor   = time.Second      // more for each alert, of what takes a few for each
	aloneAfter = time.Minute      // without an answer of the hub, an incident is sealed alone
	stuckAfter = time.Minute      // for so long an owner waits for somebody who has claimed what was released
	againAfter = 10 * time.Second // and up to as much again: whose it is is asked again without a nudge
)

// asking is how long it may take to ask about so many alerts one after the other, of a hub that may be far away.
func asking(alerts int) time.Duration { return askFor + time.Duration(alerts)*alertFor }

// A lease is what is known of the epoch of one site.
type lease struct {
	epoch    fleet.Epoch
	revision uint64 // of its key; 0: there is none
	changed  time.Time
	mine     uint64    // the epoch that this collector has taken in this life; 0: none
	proven   time.Time // when mine was last the one of the bucket
	older    time.Time // since when the bucket has shown nothing but earlier revisions; zero: it does not

	wanted, asked time.Time // of who is unfit: since when, and last
}

// isMine reports whether the epoch was this collector's when it was read last.
func (l lease) isMine() bool { return l.mine != 0 && l.epoch.Number == l.mine }

// since is how long ago t was, by the clock that cannot be set and by the one that goes on while
// the machine sleeps: the longer.
func (o *Owner) since(t time.Time) time.Duration {
	now := o.now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// owns reports whether the site is this collector's, as far as it was proven of late.
func (o *Owner) owns(site string) (epoch uint64, is bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.leases[site]
	return l.mine, l.isMine() && o.since(l.proven) < o.pace(provenFor)
}

// epoch reads whose the site is now.
func (o *Owner) epoch(ctx context.Context, site string) (lease, error) {
	b, err := o.bucket(ctx, fleet.EpochBucket)
	if err != nil {
		return lease{}, err
	}
	asked := o.now()
	e, at, err := readEpoch(ctx, b, site)
	if err != nil {
		return lease{}, err
	}
	return o.saw(site, e, at, asked), nil
}

// saw takes in an epoch that the bucket had after asked. What was read may be older than what is known, for a
// while: of a hub that was made anew, or brought back as it was earlier, nothing is known.
func (o *Owner) saw(site string, e fleet.Epoch, at uint64, asked time.Time) lease {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.leases[site]
	switch {
	case at >= l.revision:
		l.older = time.Time{}
	case l.older.IsZero() || o.since(l.older) < o.pace(staleAfter):
		l.older = cmp.Or(l.older, asked)
		o.leases[site] = l
		return l
	default:
		l = lease{wanted: l.wanted, asked: l.asked}
	}
	if at != l.revision || l.changed.IsZero() {
		l.changed = asked
	}
	if at > 0 && e.Owner == "" {
		e.Number = max(e.Number, l.epoch.Number) // it cannot be read: the next one is counted from what was known
	}
	l.epoch, l.revision = e, at
	if l.mine != 0 && e.Number == l.mine && e.Owner == o.name() {
		l.proven = asked
	} else if e.Number >= l.mine {
		l.mine = 0 // it is over
	}
	o.leases[site] = l
	return l
}

// hold has the site be this collector's if it may be: where nobody is its owner, or this collector
// was in an earlier life, or its owner is gone. Who is unfit comes last. pinned: the hub has chosen this collector. It
// returns who it is.
func (o *Owner) hold(ctx context.Context, site string, pinned bool) (claims.Me, string, error) {
	l, err := o.epoch(ctx, site)
	if err != nil {
		return claims.Me{}, "", err
	}
	if o.unfit() {
		return o.holdLast(ctx, site, l)
	}
	gone := o.since(l.changed) >= o.pace(staleAfter)
	if !l.isMine() && (l.epoch.Owner == o.name() || gone || l.revision == 0 && pinned) {
		l, err = o.seize(ctx, site, l)
	}
	owner := l.isMine() && o.since(l.proven) < o.pace(provenFor)
	return claims.Me{Collector: o.name(), Epoch: l.epoch.Number, Owner: owner}, l.epoch.Owner, err
}

// holdLast is hold for who is unfit: it takes the site when it has wanted it for long and nobody else has come
// for it, and keeps it for a short while only.
func (o *Owner) holdLast(ctx context.Context, site string, l lease) (me claims.Me, by string, err error) {
	over := o.since(l.changed) >= o.pace(staleAfter)
	if o.wanted(site) >= o.pace(unfitAfter) && over {
		l, err = o.seize(ctx, site, l)
		over = !l.isMine()
		o.mu.Lock()
		was := o.leases[site]
		was.asked = time.Time{} // the next time it waits as long
		o.leases[site] = was
		o.mu.Unlock()
	}
	me = claims.Me{Collector: o.name(), Epoch: l.epoch.Number, Owner: l.isMine() && !over}
	if by = l.epoch.Owner; by == o.name() && !me.Owner {
		by = ""
	}
	return me, by, err
}

// wanted is for how long a site has been wanted without a pause.
func (o *Owner) wanted(site string) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.leases[site]
	if now := o.now(); l.asked.IsZero() || o.since(l.asked) > o.pace(aloneAfter) {
		l.wanted, l.asked = now, now
	} else {
		l.asked = now
	}
	o.leases[site] = l
	return o.since(l.wanted)
}

// seize takes the next epoch, if nobody else has meanwhile.
func (o *Owner) seize(ctx context.Context, site string, l lease) (lease, error) {
	next := l.epoch.Number + 1
	if next >= maxEpoch {
		next = 1
	}
	e := fleet.Epoch{Number: next, Owner: o.name(), Since: o.now().UTC().Round(0)}
	o.mu.Lock()
	was := o.leases[site]
	was.mine = e.Number // before it is: an answer may be lost
	o.leases[site] = was
	o.mu.Unlock()
	asked := o.now()
	at, err := o.writeEpoch(ctx, site, e, l.revision)
	if err == nil {
		o.Log.Info("this collector owns the incidents of the site now", "site", site, "epoch", e.Number, "before", l.epoch.Owner)
		return o.saw(site, e, at, asked), nil
	}
	if errors.Is(err, claims.ErrMoved) {
		return o.epoch(ctx, site)
	}
	return l, err
}

// renew shows that the owner lives, where it is this collector. Who is unfit shows it not, so that another takes over.
func (o *Owner) renew(ctx context.Context, site string) error {
	if o.unfit() {
		return nil
	}
	l, err := o.epoch(ctx, site)
	if err != nil || !l.isMine() {
		return err
	}
	asked := o.now()
	at, err := o.writeEpoch(ctx, site, l.epoch, l.revision)
	if err == nil {
		o.saw(site, l.epoch, at, asked)
	}
	return err
}

func (o *Owner) writeEpoch(ctx context.Context, site string, e fleet.Epoch, revision uint64) (at uint64, err error) {
	b, err := o.bucket(ctx, fleet.EpochBucket)
	if err != nil {
		return 0, err
	}
	value, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		at, err = b.Create(ctx, fleet.Token(site), value)
	} else {
		at, err = b.Update(ctx, fleet.Token(site), value, revision)
	}
	if err != nil {
		err = fmt.Errorf("take the epoch of site %s: %w", site, err)
	}
	return at, err
}
