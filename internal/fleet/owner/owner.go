// Package owner settles which of the collectors of a site seals an incident, where there are
// several: each holds and copies for itself, one owns the site and seals.
//
// Each site of several has a consumer on the hub that is pinned to one collector. Who is pinned
// takes the site's next epoch, once nobody else shows that he lives, and acts as its owner: it
// claims the alerts of its incidents (package claims has the rules), and releases those of which
// it makes none. The others stand by. An owner that is killed, hangs or is cut off shows no sign of life
// any more; whoever waits takes the next epoch after 22 s, with its own copy.
//
// It guarantees that each alert ends in one incident of one collector, whoever is killed, paused
// or cut off at any step, and whatever the clocks say: an act that cannot be taken back is made
// only after the hub has said that the alerts are claimed, and what is sealed is known there before
// it is delivered or told. Where no hub has answered for a minute each collector seals for itself, and
// says so; that is put together once the hub is back: who claims first keeps, the other's is dropped
// where it has nothing more, or kept as a supplement. Where a site has one collector only, nothing
// is asked of anybody.
//
// It does not know how logs are copied, how bundles are made, or who reaches a site.
package owner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/owner/claims"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

// An Owner is what one collector has to do with it. Its fields are set before the first call
// and not changed afterwards.
type Owner struct {
	Place      func() (name string, sites []incident.Site) // the collector's name, and what it reaches
	Hub        func() *hub.Hub                             // nil: it is in no fleet
	Collectors func(site string) []string                  // all that reach a site
	Runner     *runner.Runner
	Table      *incident.Table
	Withdraw   func(key, why string) (begun bool) // an incident's deliveries, unless they have begun; nil: there are none
	Unfit      func() bool                        // it leaves sites to others, if there are any: its clock is wrong; nil: never
	Log        *slog.Logger

	GoneAfter time.Duration // a collector that has not said for so long how it is does not deliver what it has sealed; zero: 15 min

	Now   func() time.Time // nil: time.Now
	Quick int              // for tests: waits are so many times shorter; zero: 1

	state
}

// state is what it knows.
type state struct {
	mu      sync.Mutex
	begun   time.Time
	heard   time.Time        // the hub answered last
	leases  map[string]lease // by site
	buckets map[string]kv    // of hub, by name
	hub     *hub.Hub
	stand   map[string]stand   // incidents that stand by to be sealed
	silent  map[string]silence // collectors of which nothing is heard
	fresh   chan struct{}      // size 1: an incident was sealed
}

// New has an Owner know when it began.
func New(o *Owner) *Owner {
	o.begun = o.now()
	o.leases, o.buckets, o.stand = map[string]lease{}, map[string]kv{}, map[string]stand{}
	o.silent, o.fresh = map[string]silence{}, make(chan struct{}, 1)
	return o
}

func (o *Owner) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

// pace is a wait, as long as the tests let it be.
func (o *Owner) pace(d time.Duration) time.Duration { return d / time.Duration(max(1, o.Quick)) }

// unfit reports whether others should own sites before this collector does.
func (o *Owner) unfit() bool { return o.Unfit != nil && o.Unfit() }

// name is the collector's.
func (o *Owner) name() string {
	name, _ := o.Place()
	return name
}

func (o *Owner) store() *incident.Store { return o.Runner.Store }

// shares reports whether others watch the site too.
func (o *Owner) shares(site string) bool {
	name := o.name()
	return o.Hub() != nil && slices.ContainsFunc(o.Collectors(site), func(c string) bool { return c != name })
}

// noteHeard notes that the hub answers.
func (o *Owner) noteHeard() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heard = o.now()
}

// alone reports whether the hub has been away for so long that nobody waits for it.
func (o *Owner) alone() bool {
	o.mu.Lock()
	last := o.heard
	if last.IsZero() {
		last = o.begun
	}
	o.mu.Unlock()
	return o.since(last) >= o.pace(aloneAfter)
}

// bucket is one of the hub's.
func (o *Owner) bucket(ctx context.Context, name string) (kv, error) {
	h := o.Hub()
	if h == nil {
		return kv{}, hub.ErrDown
	}
	if err := h.Down(); err != nil {
		return kv{}, err
	}
	o.mu.Lock()
	if o.hub != h {
		o.hub, o.buckets = h, map[string]kv{}
	}
	b, known := o.buckets[name]
	o.mu.Unlock()
	if known {
		return b, nil
	}
	store, err := h.Stream.KeyValue(ctx, name)
	if err != nil {
		return kv{}, fmt.Errorf("bucket %s of the hub: %w", name, err)
	}
	b = kv{store, o.noteHeard}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hub == h {
		o.buckets[name] = b
	}
	return b, nil
}

// Own says whose an incident is of which all was copied. It is a runner.Owner.
func (o *Owner) Own(ctx context.Context, in incident.Incident, hosts []evidence.Host) (runner.Verdict, error) {
	if !o.shares(in.Site) {
		o.stands(in, false)
		return runner.Verdict{}, nil
	}
	v, err := o.own(ctx, in, hosts)
	if err == nil {
		o.stands(in, v.Act == runner.ActWait && !v.Delivery)
	}
	return v, err
}

func (o *Owner) own(ctx context.Context, in incident.Incident, hosts []evidence.Host) (runner.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, asking(len(in.Members)))
	defer cancel()
	v, by, err := o.judge(ctx, in, claims.HasOf(in.Asked, hosts), coverageOf(hosts))
	switch {
	case errors.Is(err, claims.ErrBusy), errors.Is(err, claims.ErrMoved):
		return runner.Verdict{Act: runner.ActWait, By: in.Fleet.StandingBy, Delivery: in.Fleet.Delivery}, nil
	case err != nil && (o.inVain(in) || o.alone()) && !in.Fleet.Delivery: // where it is known to be sealed that is waited for
		o.Log.Warn("no hub has answered for long, or it takes no claims: the incident is sealed unclaimed", "incident", in.ID, "err", err)
		return runner.Verdict{Act: runner.ActAlone}, nil
	case err != nil:
		return runner.Verdict{}, err
	}
	return o.verdict(in, v, by), nil
}

// A stand is an incident that stands by.
type stand struct {
	site string
	vain time.Time // since when nobody could say whose it is; zero: somebody has
}

// stands notes whether an incident stands by.
func (o *Owner) stands(in incident.Incident, does bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if does {
		o.stand[in.Key] = stand{site: in.Site}
	} else {
		delete(o.stand, in.Key)
	}
}

// inVain notes that whose an incident is cannot be found out, and reports whether that has lasted: a hub that answers,
// and has no room for claims, say, is as good as none.
func (o *Owner) inVain(in incident.Incident) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stand[in.Key]
	if s.vain.IsZero() {
		s = stand{in.Site, o.now()}
		o.stand[in.Key] = s
	}
	return o.since(s.vain) >= o.pace(aloneAfter)
}

// waiting are the incidents of a site that stand by.
func (o *Owner) waiting(site string) (keys []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, of := range o.stand {
		switch {
		case of.site != site:
		case !o.Runner.WorksOn(key): // it is another's, or gone
			delete(o.stand, key)
		default:
			keys = append(keys, key)
		}
	}
	return keys
}

func coverageOf(hosts []evidence.Host) evidence.Coverage {
	var parts []evidence.Coverage
	for _, h := range hosts {
		parts = append(parts, h.Coverage)
	}
	return evidence.Sum(parts...)
}

// judge asks the hub whose an incident is, and claims it where it may.
func (o *Owner) judge(ctx context.Context, in incident.Incident, has fleet.Has, coverage evidence.Coverage) (v claims.Verdict, by string, err error) {
	me, by, err := o.hold(ctx, in.Site, false)
	if err != nil {
		return v, by, err
	}
	b, err := o.bucket(ctx, fleet.ClaimBucket)
	if err != nil {
		return v, by, err
	}
	if v, err = claims.Own(ctx, b, me, claimed(in, has, coverage)); err != nil {
		return v, by, err
	}
	if v.Delivery {
		if v, err = o.delivery(ctx, b, me, claimed(in, has, coverage), v); err != nil {
			return v, by, err
		}
		o.bound(in, &v)
	}
	if v.Act == claims.Drop && incident.IsPinned(o.store(), in.Key) {
		v.Act = claims.Supplement // somebody wants it kept
	}
	if v.By == "" || v.Delivery {
		return v, cmp.Or(v.By, by), nil
	}
	if f := in.Fleet; me.Owner && f.Standing && o.since(f.Since) > o.pace(stuckAfter) { // by the next epoch it can be taken over
		o.mu.Lock()
		l := o.leases[in.Site]
		o.mu.Unlock()
		_, err = o.seize(ctx, in.Site, l)
	}
	return v, v.By, err
}

// claimed is an incident as claims know it.
func claimed(in incident.Incident, has fleet.Has, coverage evidence.Coverage) claims.Incident {
	return claims.Incident{Site: in.Site, Key: in.Key, ID: in.ID, Alerts: in.AlertIDs(), Coverage: coverage, Has: has}
}

// verdict is one as a runner knows it.
func (o *Owner) verdict(in incident.Incident, v claims.Verdict, by string) runner.Verdict {
	out := runner.Verdict{Act: runner.ActWait, By: by, Again: o.pace(againAfter + rand.N(againAfter)), Elsewhere: elsewhere(in, v), Epoch: v.Epoch(), Delivery: v.Delivery, InPlace: v.InPlace}
	if v.Delivery {
		out.Again = o.deliveryAgain(in)
	}
	switch v.Act {
	case claims.Seal:
		out.Act = runner.ActSeal
		out.Still = func(ctx context.Context) (bool, error) { return o.still(ctx, in.Site, v) }
		out.Commit = func(ctx context.Context, now incident.Incident, m evidence.Manifest) (bool, error) {
			return o.commit(ctx, now, m, v)
		}
	case claims.Drop:
		out.Act = runner.ActDrop
	case claims.Supplement:
		out.Act, out.ID = runner.ActSupplement, in.ID+"-"+fleet.Token(o.name())
		if len(in.Fleet.SupplementOf) > 0 {
			out.ID = in.ID
		}
		out.Commit = func(ctx context.Context, now incident.Incident, m evidence.Manifest) (bool, error) {
			return true, o.keep(ctx, now, m, v)
		}
	}
	return out
}

// elsewhere are an incident's alerts that others have, in its order.
func elsewhere(in incident.Incident, v claims.Verdict) (list []incident.Elsewhere) {
	for _, id := range in.AlertIDs() {
		for _, p := range v.Elsewhere {
			if p.Alert == id {
				list = append(list, incident.Elsewhere{Alert: p.Alert, Link: p.Link})
			}
		}
	}
	return list
}

// still reports whether what was claimed can be sealed: the epoch is the same, and nobody has taken
// it over.
func (o *Owner) still(ctx context.Context, site string, v claims.Verdict) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	l, err := o.epoch(ctx, site)
	if err != nil {
		return false, err
	}
	if !v.Done && l.epoch.Number != v.Epoch() {
		return false, nil
	}
	b, err := o.bucket(ctx, fleet.ClaimBucket)
	if err != nil {
		return false, err
	}
	return claims.Held(ctx, b, site, v)
}

// commit has the hub know that a bundle is there.
func (o *Owner) commit(ctx context.Context, in incident.Incident, m evidence.Manifest, v claims.Verdict) (bool, error) {
	if ok, err := o.still(ctx, in.Site, v); !ok || err != nil {
		return ok, err
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	b, err := o.bucket(ctx, fleet.ClaimBucket)
	if err != nil {
		return false, err
	}
	defer o.sealed()
	return claims.Commit(ctx, b, in.Site, v, in.ID, claims.Sealed{Time: m.Timing.Sealed, Coverage: m.Coverage, Has: claims.HasOf(m.Asked, m.Hosts)})
}

// keep has the hub know of a supplement.
func (o *Owner) keep(ctx context.Context, in incident.Incident, m evidence.Manifest, v claims.Verdict) error {
	ctx, cancel := context.WithTimeout(ctx, asking(len(in.Members)))
	defer cancel()
	b, err := o.bucket(ctx, fleet.ClaimBucket)
	if err != nil {
		return err
	}
	return claims.Keep(ctx, b, claims.Me{Collector: o.name(), Epoch: v.Epoch()}, claimed(in, claims.HasOf(m.Asked, m.Hosts), m.Coverage), v)
}

// MayTell reports whether people are to be told of an incident here: it is this collector's, as far as
// that is known, or nobody can be asked. What is not told now is asked for again.
func (o *Owner) MayTell(in incident.Incident) bool {
	f := in.Fleet
	if f.Claimed || f.Unclaimed || len(f.SupplementOf) > 0 || in.State == incident.Sealed || !o.shares(in.Site) {
		return true
	}
	_, mine := o.owns(in.Site)
	return mine || o.alone()
}

// unfinished reports whether an error of the hub is one that passes by itself.
func unfinished(err error) bool {
	return errors.Is(err, claims.ErrBusy) || errors.Is(err, claims.ErrMoved) || errors.Is(err, hub.ErrDown) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jetstream.ErrNoStreamResponse)
}

// paired are this collector's sites that others watch too.
func (o *Owner) paired() (sites []string) {
	_, all := o.Place()
	for _, s := range all {
		if o.shares(s.Name) {
			sites = append(sites, s.Name)
		}
	}
	return sites
}
