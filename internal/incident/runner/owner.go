package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// An Act is what is to become of an incident, where other collectors watch its site too.
type Act string

// The acts. The empty one: nobody else has to do with it.
const (
	ActSeal       Act = "seal"
	ActAlone      Act = "alone" // no hub can be asked: sealed, and marked
	ActWait       Act = "wait"  // somebody else is to seal it, or nobody is known yet
	ActDrop       Act = "drop"  // others have its alerts and all its logs
	ActSupplement Act = "supplement"
)

// A Verdict says whose an incident is.
type Verdict struct {
	Act       Act
	By        string               // of ActWait: who seals it; empty: not known
	Delivery  bool                 // of ActWait: By has sealed it, and is to deliver it; until then this is a copy
	InPlace   bool                 // of ActSupplement: Elsewhere has the same logs, and is not delivered
	Again     time.Duration        // of ActWait: after which it is asked again; zero: 5 s
	Elsewhere []incident.Elsewhere // its alerts that are in others' incidents for good
	Epoch     uint64               // of the owner
	ID        string               // of ActSupplement: its own; empty: as it is

	// Commit says that the bundle is on disk, right before the incident is saved as sealed. Not ok:
	// somebody else has taken its alerts. nil: nobody has to know.
	Commit func(ctx context.Context, in incident.Incident, m evidence.Manifest) (ok bool, err error)
	// Still reports whether Commit can go well, as far as is known. nil: it can.
	Still func(ctx context.Context) (bool, error)
}

// An Owner says whose an incident is of which all was copied. It returns soon, and may be asked
// again at any time; an error counts as ActWait. It is asked until the incident was sealed once.
type Owner func(ctx context.Context, in incident.Incident, hosts []evidence.Host) (Verdict, error)

const (
	askEvery = 5 * time.Second // Runner.Nudge ends it
	actWait  = 30 * time.Second
)

// Errors of what was to be sealed and is not.
var (
	errJoined = errors.New("an alert has joined meanwhile")
	errAnew   = errors.New("others have taken alerts of it: it is made anew of what is left")
	errPanic  = errors.New("internal error")
	errGiven  = errors.New("others have its alerts and its logs")
)

// whose is whose an incident is, of the goroutine in work alone but for rest.
type whose struct {
	Verdict                   // the last one
	asked   incident.Incident // as it was when it was asked for
	rest    chan struct{}     // closed when the incident stands by: hosts that are done are let go of
	let     sync.Once
}

// asks reports whether anybody else may have to do with the incident.
func (u *run) asks() bool {
	return u.r.Beside.Own != nil && u.inc.Kind == incident.KindAlert && len(u.inc.Revisions) == 0
}

// own waits until it is known whose the incident is. It holds no place that others need, and a
// site's hosts are let go of. changed ends it with incident.ErrGrew.
func (u *run) own(ctx context.Context, changed <-chan struct{}) error {
	u.whose.Verdict = Verdict{}
	if !u.asks() {
		return nil
	}
	for said := ""; ; {
		in, err := u.table.Get(u.key)
		if err != nil {
			return err
		}
		u.whose.asked = in
		v, err := u.r.Beside.Own(ctx, in, u.rows())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if err.Error() != said {
				u.r.log().Warn("whose this incident is cannot be found out yet; asking again", "incident", in.ID, "err", err)
			}
			v, said = Verdict{Act: ActWait, By: in.Fleet.StandingBy, Delivery: in.Fleet.Delivery}, err.Error()
		}
		if err := u.standBy(ctx, in, v); err != nil {
			return err
		}
		if v.Act != ActWait {
			u.whose.Verdict = v
			return nil
		}
		if !u.r.working.naps.rest(ctx, u.key, cmp.Or(v.Again, askEvery), changed) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return incident.ErrGrew
		}
	}
}

// rows are what was got of the hosts.
func (u *run) rows() (rows []evidence.Host) {
	for _, s := range u.states() {
		rows = append(rows, s.Result)
	}
	return rows
}

// standBy writes down that the incident waits for others, or does not any more.
func (u *run) standBy(ctx context.Context, in incident.Incident, v Verdict) error {
	waits := v.Act == ActWait
	if f := in.Fleet; waits == f.Standing && (!waits || v.By == f.StandingBy && v.Delivery == f.Delivery) {
		return nil
	}
	if waits {
		u.whose.let.Do(func() { close(u.whose.rest) })
	}
	return u.room.retry(ctx, func() error {
		_, err := u.table.Update(u.key, func(in *incident.Incident) {
			f := &in.Fleet
			if f.Standing != waits {
				f.Since = time.Time{}
				if waits {
					f.Since = u.r.now().UTC().Round(0)
				}
			}
			f.Standing, f.StandingBy, f.Delivery = waits, "", false
			if waits {
				f.StandingBy, f.Delivery = v.By, v.Delivery
			}
		})
		if err == nil && waits {
			u.r.log().Info("standing by", "incident", in.ID, "who_seals", v.By, "for_delivery", v.Delivery)
		}
		return err
	})
}

// take brings an incident that is about to be frozen into line with the verdict.
func (u *run) take(in *incident.Incident) error {
	v := u.whose.Verdict
	if v.Act == "" {
		return nil
	}
	if !slices.EqualFunc(in.Members, u.whose.asked.Members, func(a, b incident.Member) bool { return a.Alert == b.Alert }) {
		return errJoined
	}
	in.Fleet = incident.Shared{Elsewhere: in.Fleet.Elsewhere, Epoch: v.Epoch, Unclaimed: v.Act == ActAlone}
	if err := incident.SetElsewhere(u.r.Store, in.Site, v.Elsewhere); err != nil {
		return err
	}
	if v.Act == ActSupplement {
		in.Fleet.SupplementOf, in.Fleet.InPlace = incident.LinksOf(v.Elsewhere), v.InPlace
		if v.ID != "" {
			in.Rename(v.ID)
		}
		return nil
	}
	in.WithoutElsewhere(v.Elsewhere)
	return nil
}

// give ends an incident that others have whole: it is frozen, and its alerts say where they are. Who
// works at it removes it.
func (u *run) give() error {
	var err error
	u.inc, err = u.table.Give(u.key, func(in *incident.Incident) error {
		in.Fleet.Elsewhere = u.whose.Elsewhere
		return incident.SetElsewhere(u.r.Store, in.Site, u.whose.Elsewhere)
	})
	if err != nil {
		return err
	}
	return errGiven
}

// refreeze goes on with an incident that a restart, or others, found frozen: only what is
// changed by the verdict is made anew.
func (u *run) refreeze(ctx context.Context) error {
	if err := u.own(ctx, nil); err != nil {
		return err
	}
	in, err := u.table.Get(u.key) // standing by has changed it
	if err != nil {
		return err
	}
	u.inc = in
	v := u.whose.Verdict
	same := v.Act == "" || v.Act == ActSeal && len(v.Elsewhere) == 0 && !u.inc.Fleet.Unclaimed || v.Act == ActAlone && u.inc.Fleet.Unclaimed || v.Act == ActSupplement && len(u.inc.Fleet.SupplementOf) > 0
	if same && u.manifestWritten() {
		return nil
	}
	if err := u.undo(); err != nil {
		return err
	}
	if v.Act == ActDrop {
		return u.give()
	}
	borrow(ctx, u, u.inc.Asked, false, nil)
	return u.freeze(ctx, u.inc.Asked)
}

// undo takes back what was made of a revision that is not sealed.
func (u *run) undo() error {
	u.closePullers()
	errs := []error{u.r.Store.Remove(u.r.Store.ManifestFile(u.key, u.inc.Revision).Path), u.r.Store.Remove(sealingFile(u.r.Store, u.key).Path)}
	for _, b := range incident.BundlesAt(u.r.Store, u.inc) {
		errs = append(errs, u.r.Store.Remove(b))
	}
	return errors.Join(errs...)
}

// still reports why what is being sealed is not the incident's any more.
func (u *run) still(ctx context.Context) error {
	if u.whose.Still == nil {
		return nil
	}
	ok, err := u.whose.Still(ctx)
	if err == nil && !ok {
		return errAnew
	}
	return nil // what cannot be asked is found out by commit
}

// commit has it known that the bundle is there: from then on nobody else can have the incident's alerts.
func (u *run) commit(ctx context.Context, m evidence.Manifest) error {
	for tried := u.r.now(); ; {
		v := u.whose.Verdict
		if v.Commit == nil {
			return nil
		}
		ok, err := v.Commit(ctx, u.inc, m)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && ok:
			return nil
		case err == nil:
			return errAnew
		case u.r.now().Sub(tried) > actWait: // whose it is by now is asked anew, and the bundle is kept
			return u.recommit(ctx, m)
		}
		u.r.log().Warn("that the bundle is there cannot be told the hub yet; trying again", "incident", u.inc.ID, "err", err)
		if !sleep(ctx, time.Second, nil) {
			return context.Cause(ctx)
		}
	}
}

// recommit asks once more whose an incident is whose bundle is there.
func (u *run) recommit(ctx context.Context, m evidence.Manifest) error {
	was := u.whose.Act
	if err := u.own(ctx, nil); err != nil {
		return err
	}
	if v := u.whose.Verdict; v.Act != was || len(v.Elsewhere) > 0 && v.Act != ActSupplement {
		return errAnew
	}
	return u.commit(ctx, m)
}

// sealedAs writes into the record what the sealing means to others.
func (u *run) sealedAs(in *incident.Incident) {
	switch f := &in.Fleet; u.whose.Act {
	case ActSeal:
		f.Claimed, f.Unclaimed, f.Epoch = true, false, u.whose.Epoch
	case ActAlone:
		f.Unclaimed = true
	case ActSupplement:
		in.Supplement(u.whose.Elsewhere)
	}
}

// given removes an incident that others have. Its lock is free.
func (r *Runner) given(table *incident.Table, key string) error {
	in, err := table.Get(key)
	if err != nil {
		return err
	}
	gone, err := keeper{r}.removeGiven(in)
	if err == nil && !gone {
		return fmt.Errorf("incident %s is in %s, and cannot be removed yet: it is pinned, or somebody works at it", in.ID, incident.DropWhy(in.Fleet.Elsewhere))
	}
	return err
}

// RemoveGiven removes a sealed incident whose record says which incidents of others have its alerts.
// Not gone: it is pinned, or somebody works at it.
func (r *Runner) RemoveGiven(key string) (gone bool, err error) {
	in, err := r.Store.Read(key)
	if err != nil {
		return false, err
	}
	return keeper{r}.removeGiven(in)
}

// removeGiven removes an incident whose alerts others have, with a line in removed.jsonl that says where
// they are. The mails and the alerts' records stay.
func (r keeper) removeGiven(in incident.Incident) (gone bool, err error) {
	l, err := incident.Withdraw(r.Store, in.Key, func(now incident.Incident) (incident.Removal, bool) {
		out := incident.RemovalOf(r.Store, now, r.now().UTC().Round(0), incident.DropWhy(in.Fleet.Elsewhere))
		out.In = incident.LinksOf(in.Fleet.Elsewhere)
		return out, len(out.In) > 0
	})
	if err != nil || l == nil {
		return false, err
	}
	return true, r.finish(l)
}
