package owner

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/owner/claims"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

const (
	goneAfter  = 15 * time.Minute // a machine that is started anew is back by then
	copyFor    = 24 * time.Hour   // a copy of what others have sealed waits for their delivery
	soonFor    = 2 * time.Minute  // whether it was delivered is asked often at first
	soonAgain  = 5 * time.Second
	laterAgain = 30 * time.Second
	lookedGap  = 5 * time.Minute
	freshAfter = 2 * time.Second // what was sealed is looked at
)

// sealed has what was sealed just now looked at soon: there may be nothing to deliver.
func (o *Owner) sealed() {
	select {
	case o.fresh <- struct{}{}:
	default:
	}
}

// delivery judges an incident anew that waits for the delivery by a collector which may be gone.
func (o *Owner) delivery(ctx context.Context, b kv, me claims.Me, in claims.Incident, v claims.Verdict) (claims.Verdict, error) {
	gone, err := o.gone(ctx, v.By)
	if err != nil || !gone {
		return v, err
	}
	by := v.By
	me.Gone = func(collector string) bool { return collector == by }
	return claims.Own(ctx, b, me, in)
}

// gone reports whether nothing was heard of a collector for so long that it will not deliver what it has
// sealed. That counts from when it was seen first that nothing is heard, and not while the hub is away.
func (o *Owner) gone(ctx context.Context, collector string) (bool, error) {
	b, err := o.bucket(ctx, fleet.StatusBucket)
	if err != nil {
		return false, err
	}
	_, _, err = b.Get(ctx, fleet.Token(collector))
	if err != nil && !errors.Is(err, claims.ErrNone) {
		return false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		delete(o.silent, collector)
		return false, nil
	}
	s, known := o.silent[collector]
	if !known || o.since(s.looked) > o.pace(lookedGap) { // nobody knows what was meanwhile
		s.since = o.now()
	}
	s.looked = o.now()
	o.silent[collector] = s
	return o.since(s.since) >= cmp.Or(o.GoneAfter, o.pace(goneAfter)), nil
}

// A silence is since when it was seen that nothing is heard of a collector, and when that was looked at last.
type silence struct{ since, looked time.Time }

// bound ends the waiting for a delivery: a copy of what others have sealed is kept for a day, and while there is room
// for what nobody has sealed yet.
func (o *Owner) bound(in incident.Incident, v *claims.Verdict) {
	if !v.Delivery || v.Act != claims.Wait {
		return
	}
	since := in.Fleet.Since
	if in.State == incident.Sealed {
		since = sealedAt(in)
	}
	full := o.Runner.Reserve.Refusal(1)
	if full == nil && (since.IsZero() || o.since(since) < copyFor) {
		return
	}
	why := "for a day nothing was heard of its delivery"
	if full != nil {
		why = human.OneLine(full)
	}
	o.Log.Warn("a copy of what another collector has sealed is not kept any longer, though that may not be delivered", "incident", in.ID, "collector", v.By, "why", why)
	v.Act, v.Delivery, v.By = claims.Drop, false, ""
}

// deliveryAgain is after which time it is asked again whether an incident was delivered.
func (o *Owner) deliveryAgain(in incident.Incident) time.Duration {
	again := laterAgain
	if f := in.Fleet; !f.Delivery || o.since(f.Since) < o.pace(soonFor) {
		again = soonAgain
	}
	return o.pace(again + rand.N(again))
}

// tellDelivered has the hub know of incidents that this collector has sealed, and of which nothing is to be
// delivered any more: others keep their copies until then.
func (o *Owner) tellDelivered(ctx context.Context, untold map[string]bool) {
	for key := range untold {
		in, err := o.store().Read(key)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && (!in.Fleet.Claimed || in.Fleet.Delivered):
			delete(untold, key)
			continue
		case err != nil, o.Runner.Undelivered != nil && o.Runner.Undelivered(key):
			continue
		}
		err = o.tellOne(ctx, in)
		switch {
		case err == nil:
			delete(untold, key)
		case unfinished(err):
			return // there is another time for all
		case !errors.Is(err, incident.ErrBusy):
			o.Log.Warn("that an incident is delivered cannot be told the hub yet; trying again", "incident", in.ID, "err", human.OneLine(err))
		}
	}
}

func (o *Owner) tellOne(ctx context.Context, in incident.Incident) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	b, err := o.bucket(ctx, fleet.ClaimBucket)
	if err != nil {
		return err
	}
	err = claims.Deliver(ctx, b, in.Site, o.name(), in.Key, o.now().UTC().Round(0))
	if err != nil && !errors.Is(err, claims.ErrNone) { // the book has forgotten it: nobody waits
		return err
	}
	return o.change(in.Key, func(in *incident.Incident) error {
		in.Fleet.Delivered = true
		return nil
	})
}

// untold reports whether the hub may not know yet that an incident is delivered. What an earlier version has
// sealed long ago is left alone.
func (o *Owner) untold(in incident.Incident) bool {
	return in.Fleet.Claimed && !in.Fleet.Delivered && o.since(sealedAt(in)) < linksFor
}
