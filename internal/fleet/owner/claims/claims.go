// Package claims decides in which incident of which collector an alert ends, where several
// collectors of a site each have one with it. It is pure but for the Book, of which it needs no
// more than single keys that are created once and replaced only as they were read.
//
// The rules:
//
//   - An alert's Claim names a Sealing: one attempt of one collector to seal one incident. When the
//     Sealing becomes sealed, in one step, all alerts that it claimed are there, for good.
//   - Whoever owns the site claims the alerts of its incident, which are free, released, or
//     claimed by a Sealing of an earlier epoch. That one is given up first, so that it cannot
//     become sealed any more; then its claims are free.
//   - Who does not own the site waits. It claims only what the owner has released, and no other way of
//     settling its incident is left.
//   - Of an incident some of whose alerts are sealed elsewhere the rest is sealed, and those are
//     not in it. Where all are, the incident is dropped if those elsewhere have every log for all of
//     the time that it has, and are delivered; else it is kept as a supplement, linked both ways.
//   - Where they have it all, and are not delivered, it waits for that. If their collector is gone meanwhile,
//     as far as is known, it is kept as a supplement too: what is sealed stays so, wherever it is, and
//     what is delivered is the copy.
//
// It guarantees, whoever is killed, paused or cut off at any step and whatever the clocks say:
// no alert is in two Sealings that are sealed, and nothing is dropped that others do not have, delivered
// (but by a collector that does not say so, of an earlier version).
// Epochs only decide who comes first; that a Sealing which was taken over cannot be sealed does not
// hang on anybody knowing the epoch.
//
// It does not know how a book is reached, who is alive, or what an incident looks like on disk.
package claims

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// Errors of a Book.
var (
	ErrNone  = errors.New("there is no such key")
	ErrMoved = errors.New("the key is another one by now")
)

// A Book is the bucket of claims. What it reads may be old; what it writes is not written unless the
// key is as the caller says: ErrMoved.
type Book interface {
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	Create(ctx context.Context, key string, value []byte) (revision uint64, err error)
	Update(ctx context.Context, key string, value []byte, revision uint64) (after uint64, err error)
}

// Me is who asks.
type Me struct {
	Collector string
	Epoch     uint64 // the newest that it knows
	Owner     bool   // it is the one of Epoch

	// Gone reports whether a collector is taken for gone, with what it has sealed and not delivered. That may be
	// wrong. nil: none is.
	Gone func(collector string) bool
}

// An Incident is one that is to be settled.
type Incident struct {
	Site, Key, ID string
	Alerts        []string
	Coverage      evidence.Coverage
	Has           fleet.Has
}

// An Act is what is to become of an incident.
type Act string

// The acts.
const (
	Seal       Act = "seal"       // with the alerts that are Mine
	Wait       Act = "wait"       // By is to settle it; or nobody yet
	Drop       Act = "drop"       // Elsewhere has it all
	Supplement Act = "supplement" // Elsewhere has its alerts, but not all of its logs
)

// A Place is where an alert is sealed.
type Place struct {
	Alert string
	fleet.Link
}

// A Verdict is what is to become of an incident.
type Verdict struct {
	Act       Act
	By        string   // of Wait
	Mine      []string // of Seal
	Elsewhere []Place
	Done      bool // of Seal, Supplement: the book says so already

	Delivery bool // of Wait: By has sealed what Elsewhere says, which is all of it, and is to deliver it
	InPlace  bool // of Supplement: Elsewhere has all of it, and is not delivered by who is gone

	sealing fleet.Sealing // of Seal
	at      uint64        // its revision
	others  map[string]fleet.Sealing
}

// tries bounds how often one key is read again because somebody else has changed it.
const tries = 8

// ErrBusy is that others are changing the same keys, and that what was read may be old: it is asked again.
var ErrBusy = errors.New("the claims are being changed by others at this moment")

// Own says what is to become of an incident, and claims its alerts if that is to be sealed. It
// may be repeated, and broken off anywhere.
func Own(ctx context.Context, b Book, me Me, in Incident) (Verdict, error) {
	c := caller{b, me, in.Site}
	mine, at, there, err := c.sealing(ctx, me.Collector, in.Key)
	if err != nil {
		return Verdict{}, err
	}
	switch {
	case there && mine.State == fleet.SealingSealed:
		return c.done(ctx, in, mine, at)
	case there && mine.State == fleet.SealingSupplement:
		return Verdict{Act: Supplement, Elsewhere: places(in.Alerts, mine.Links), Done: true, sealing: mine, at: at}, nil
	}
	v, free, err := c.look(ctx, in)
	if err != nil || v.Act != "" {
		return v, err
	}
	if !me.Owner && !free {
		return Verdict{Act: Wait}, nil
	}
	return c.claimAll(ctx, in, mine, at, there)
}

// done is the verdict of an incident that the book has as sealed.
func (c caller) done(ctx context.Context, in Incident, s fleet.Sealing, at uint64) (Verdict, error) {
	v := Verdict{Act: Seal, Mine: s.Alerts, Done: true, sealing: s, at: at, others: map[string]fleet.Sealing{}}
	for _, alert := range in.Alerts {
		if slices.Contains(s.Alerts, alert) {
			continue
		}
		claim, _, _, err := c.claim(ctx, alert)
		if err != nil {
			return v, err
		}
		held, _, _, err := c.sealing(ctx, claim.Collector, claim.Key)
		if err == nil && !holds(held, alert) {
			err = ErrBusy // it was when this was sealed
		}
		if err != nil {
			return v, err
		}
		v.put(alert, held)
	}
	return v, nil
}

type caller struct {
	Book
	me   Me
	site string
}

// look says what is to become of an incident that others settle; free reports whether all that is
// not sealed elsewhere may be claimed by anybody.
func (c caller) look(ctx context.Context, in Incident) (v Verdict, free bool, err error) {
	v.others, free = map[string]fleet.Sealing{}, true
	for _, alert := range in.Alerts {
		claim, _, there, err := c.claim(ctx, alert)
		if err != nil {
			return v, false, err
		}
		if !there {
			free = false
			continue
		}
		if claim.Released != "" {
			continue
		}
		s, _, known, err := c.sealing(ctx, claim.Collector, claim.Key)
		if err != nil {
			return v, false, err
		}
		if known && holds(s, alert) {
			if s.Collector == c.me.Collector && s.Key == in.Key {
				return v, false, ErrBusy // it is ours: what Own has read was old
			}
			v.put(alert, s)
			continue
		}
		free = free && c.me.Collector == claim.Collector
	}
	if len(v.Elsewhere) == len(in.Alerts) {
		c.judge(in, &v)
	}
	return v, free, nil
}

// holds reports whether a Sealing has the alert for good.
func holds(s fleet.Sealing, alert string) bool {
	return s.State == fleet.SealingSealed && slices.Contains(s.Alerts, alert)
}

func (v *Verdict) put(alert string, s fleet.Sealing) {
	v.Elsewhere = append(v.Elsewhere, Place{alert, fleet.Link{Collector: s.Collector, Incident: s.Incident}})
	v.others[fleet.SealingKey("", s.Collector, s.Key)] = s
}

// judge says whether an incident all of whose alerts are elsewhere is of any use.
func (c caller) judge(in Incident, v *Verdict) {
	all := fleet.Has{}
	v.Act = Drop
	for _, key := range slices.Sorted(maps.Keys(v.others)) {
		s := v.others[key]
		for log, spans := range s.Has {
			all[log] = append(all[log], spans...)
		}
		switch {
		case !s.Tells || !s.Delivered.IsZero() || v.Act == Supplement:
		case c.me.Gone != nil && c.me.Gone(s.Collector):
			v.Act, v.By, v.Delivery, v.InPlace = Supplement, "", false, true
		default:
			v.Act, v.By, v.Delivery = Wait, s.Collector, true
		}
	}
	if !Covers(all, in.Has) {
		v.Act, v.By, v.Delivery, v.InPlace = Supplement, "", false, false
	}
}

// claimAll claims what is not sealed elsewhere.
func (c caller) claimAll(ctx context.Context, in Incident, s fleet.Sealing, at uint64, there bool) (Verdict, error) {
	s = fleet.Sealing{Incident: in.ID, Collector: c.me.Collector, Key: in.Key, Try: s.Try + 1, Epoch: c.me.Epoch, State: fleet.SealingMaking}
	at, err := c.put(ctx, fleet.SealingKey(c.site, s.Collector, s.Key), s, at, there)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Act: Seal, sealing: s, at: at, others: map[string]fleet.Sealing{}}
	alerts := slices.Clone(in.Alerts)
	slices.Sort(alerts) // two who claim the same come upon each other at the first of them
	for _, alert := range alerts {
		by, err := c.claimOne(ctx, s, alert, &v)
		if err != nil {
			return Verdict{}, err
		}
		if by != "" {
			return Verdict{Act: Wait, By: by}, nil
		}
	}
	if len(v.Mine) > 0 {
		return v, nil
	}
	c.judge(in, &v)
	return v, nil
}

// claimOne claims an alert for s, or notes that it is sealed elsewhere; by is who has claimed
// it and cannot be taken over.
func (c caller) claimOne(ctx context.Context, s fleet.Sealing, alert string, v *Verdict) (by string, err error) {
	mine := fleet.Claim{Incident: s.Incident, Collector: s.Collector, Epoch: s.Epoch, Key: s.Key, Try: s.Try}
	for range tries {
		claim, at, there, err := c.claim(ctx, alert)
		if err != nil {
			return "", err
		}
		if there && claim.Released == "" {
			held, free, err := c.freed(ctx, claim, s)
			switch {
			case err != nil && !errors.Is(err, ErrMoved):
				return "", err
			case err != nil:
				continue
			case holds(held, alert):
				v.put(alert, held)
				return "", nil
			case !free:
				return claim.Collector, nil
			}
		}
		_, err = c.put(ctx, fleet.ClaimKey(c.site, alert), mine, at, there)
		if err == nil {
			v.Mine = append(v.Mine, alert)
			return "", nil
		}
		if !errors.Is(err, ErrMoved) {
			return "", err
		}
	}
	return "", ErrBusy
}

// freed reports whether a claim is no one's any more, for s, and is the Sealing that it stands for. A
// Sealing that could still be sealed is given up first. ErrMoved: look again.
func (c caller) freed(ctx context.Context, claim fleet.Claim, s fleet.Sealing) (held fleet.Sealing, free bool, err error) {
	if claim.Collector == s.Collector && claim.Key == s.Key {
		return held, true, nil // an earlier try of ours, which is over since s was begun
	}
	key := fleet.SealingKey(c.site, claim.Collector, claim.Key)
	held, at, there, err := c.sealing(ctx, claim.Collector, claim.Key)
	switch {
	case err != nil:
		return held, false, err
	case !there: // it was not seen yet: nobody claims before the Sealing is there
		return held, false, fmt.Errorf("%w: %s", ErrMoved, key)
	case held.State == fleet.SealingSealed, held.State == fleet.SealingSupplement: // both are final, and what has this alert is known by its list
		return held, true, nil
	case held.Try < claim.Try: // what was read is old
		return held, false, fmt.Errorf("%w: %s", ErrMoved, key)
	case held.State == fleet.SealingGivenUp, held.Try > claim.Try:
		return held, true, nil
	case held.Epoch >= s.Epoch && held.Collector != s.Collector:
		return held, false, nil
	}
	given := held
	given.State = fleet.SealingGivenUp
	if _, err := c.put(ctx, key, given, at, true); err != nil {
		return held, false, err
	}
	return given, true, nil
}

// Epoch is the one under which a Verdict was given.
func (v Verdict) Epoch() uint64 { return v.sealing.Epoch }
