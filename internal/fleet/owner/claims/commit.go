package claims

import (
	"context"
	"errors"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// A Sealed is what is said of an incident that is sealed.
type Sealed struct {
	Time     time.Time
	Coverage evidence.Coverage
	Has      fleet.Has
}

// Commit says that the incident of a Verdict to seal is on disk with the alerts that are Mine. ok:
// they are there for good; else somebody else has taken them over, and Own is to be asked again. After an error
// it may be either, which Own finds out.
func Commit(ctx context.Context, b Book, site string, v Verdict, id string, what Sealed) (ok bool, err error) {
	if v.Done {
		return true, nil
	}
	s := v.sealing
	s.Tells = true
	s.Incident, s.State, s.Alerts, s.Sealed, s.Coverage, s.Has = id, fleet.SealingSealed, v.Mine, what.Time, what.Coverage, what.Has
	c := caller{b, Me{}, site}
	_, err = c.put(ctx, fleet.SealingKey(site, s.Collector, s.Key), s, v.at, true)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, ErrMoved) {
		return false, err
	}
	now, _, there, err := c.sealing(ctx, s.Collector, s.Key) // it may have been us, and the answer was lost
	return there && now.State == fleet.SealingSealed && now.Try == s.Try, err
}

// Deliver says that an incident which this collector has sealed is delivered, or that nothing is to be. ErrNone: the
// book has forgotten it. It may be repeated.
func Deliver(ctx context.Context, b Book, site, collector, key string, at time.Time) error {
	c := caller{b, Me{}, site}
	for range tries {
		s, was, there, err := c.sealing(ctx, collector, key)
		switch {
		case err != nil:
			return err
		case !there:
			return ErrNone
		case s.State != fleet.SealingSealed:
			return ErrBusy // what was read is old
		case !s.Delivered.IsZero():
			return nil
		}
		s.Delivered = at
		if _, err = c.put(ctx, fleet.SealingKey(site, collector, key), s, was, true); !errors.Is(err, ErrMoved) {
			return err
		}
	}
	return ErrBusy
}

// Held says whether what a Verdict to seal has claimed can still be sealed, as far as the book
// shows: it is asked before an act that costs something.
func Held(ctx context.Context, b Book, site string, v Verdict) (bool, error) {
	if v.Done {
		return true, nil
	}
	now, _, there, err := (caller{b, Me{}, site}).sealing(ctx, v.sealing.Collector, v.sealing.Key)
	return there && now.Try == v.sealing.Try && (now.State == fleet.SealingMaking || now.State == fleet.SealingSealed), err
}

// Keep says that an incident is kept as a supplement of those that have its alerts, and has each of
// them say so too. It may be repeated.
func Keep(ctx context.Context, b Book, me Me, in Incident, v Verdict) error {
	c := caller{b, me, in.Site}
	s, at, there, err := c.sealing(ctx, me.Collector, in.Key)
	if err != nil {
		return err
	}
	own := fleet.Link{Collector: me.Collector, Incident: in.ID}
	if s.State != fleet.SealingSupplement {
		s = fleet.Sealing{Incident: in.ID, Collector: me.Collector, Key: in.Key, Try: s.Try + 1, Epoch: me.Epoch, State: fleet.SealingSupplement, Coverage: in.Coverage, Has: in.Has, Links: links(v.Elsewhere)}
		if _, err := c.put(ctx, fleet.SealingKey(in.Site, me.Collector, in.Key), s, at, there); err != nil {
			return err
		}
	}
	for _, alert := range in.Alerts {
		claim, _, _, err := c.claim(ctx, alert)
		if err == nil {
			err = c.link(ctx, claim, alert, own)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// link has the Sealing that has an alert name a supplement.
func (c caller) link(ctx context.Context, claim fleet.Claim, alert string, own fleet.Link) error {
	for range tries {
		s, at, _, err := c.sealing(ctx, claim.Collector, claim.Key)
		if err != nil || slices.Contains(s.Links, own) {
			return err
		}
		if !holds(s, alert) {
			return ErrBusy // what was read is old
		}
		s.Links = append(s.Links, own)
		if _, err = c.put(ctx, fleet.SealingKey(c.site, s.Collector, s.Key), s, at, true); !errors.Is(err, ErrMoved) {
			return err
		}
	}
	return ErrBusy
}

// links are the incidents of places, each once.
func links(list []Place) (all []fleet.Link) {
	for _, p := range list {
		if !slices.Contains(all, p.Link) {
			all = append(all, p.Link)
		}
	}
	return all
}

// Mark has the claims of a Sealing that is sealed say so, for who reads nothing else. It may be repeated.
func Mark(ctx context.Context, b Book, site string, s fleet.Sealing) error {
	c := caller{b, Me{}, site}
	for _, alert := range s.Alerts {
		claim, at, there, err := c.claim(ctx, alert)
		if err != nil {
			return err
		}
		if there && !claim.Sealed.IsZero() {
			continue
		}
		claim = fleet.Claim{Incident: s.Incident, Collector: s.Collector, Epoch: s.Epoch, Sealed: s.Sealed, Coverage: s.Coverage, Held: Seconds(s.Has), Key: s.Key, Try: s.Try}
		if _, err := c.put(ctx, fleet.ClaimKey(site, alert), claim, at, there); err != nil {
			return err
		}
	}
	return nil
}

// places are where the alerts of a supplement are, as far as its links say.
func places(alerts []string, links []fleet.Link) (list []Place) {
	for _, l := range links {
		for _, a := range alerts {
			list = append(list, Place{a, l})
		}
	}
	return list
}

// Release says that the owner makes no incident of an alert. What is claimed stays so.
func Release(ctx context.Context, b Book, me Me, site, alert, why string) error {
	c := caller{b, me, site}
	_, err := c.put(ctx, fleet.ClaimKey(site, alert), fleet.Claim{Collector: me.Collector, Epoch: me.Epoch, Released: why}, 0, false)
	if errors.Is(err, ErrMoved) {
		return nil
	}
	return err
}
