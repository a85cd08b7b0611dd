package runner

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// DefaultNowPatience is the patience of `now` and `retry`.
const DefaultNowPatience = 10 * time.Second

// A Request is one grab by hand.
type Request struct {
	Kind     incident.Kind // zero: KindNow
	Members  []incident.Member
	Site     incident.Site // Hosts are those to be asked
	Asked    evidence.Window
	At       time.Time // the event, around which bytes are kept when not all may be; zero: the end of Asked
	Reason   string
	By, User string // as in Incident
	Case     string
	Phones   []string
	Out      string          // folder for the bundle; "": the store's
	Patience time.Duration   // after max(start, until); zero: DefaultNowPatience
	Stop     <-chan struct{} // closed: stop asking and seal what there is; nil: never
}

// Once grabs once and returns the sealed incident; Store.Manifest has its manifest.
// It works beside a running watch. Where the disk has not room for all of it, what fits is
// sealed. If nothing can be written (atomicfile.Full), or when ctx ends, it returns an
// error and the incident as far as it came.
func (r *Runner) Once(ctx context.Context, q Request) (incident.Incident, error) {
	if err := evidence.CheckName(q.Site.Name); err != nil {
		return incident.Incident{}, fmt.Errorf("site: %w", err)
	}
	out := q.Out
	if out != "" {
		abs, err := filepath.Abs(out)
		if err != nil {
			return incident.Incident{}, err
		}
		out = abs
	}
	now := r.now().UTC().Round(0)
	in := incident.Incident{
		Site: q.Site.Name, Kind: cmp.Or(q.Kind, incident.KindNow), Members: q.Members, State: incident.Waiting, Asked: evidence.NewWindow(q.Asked.Since, q.Asked.Until), At: q.At.UTC().Round(0), Reason: q.Reason, By: q.By, User: q.User, Case: q.Case,
		Phones: q.Phones, TimeZone: q.Site.TimeZone, Hosts: slices.Clone(q.Site.Hosts), Families: q.Site.Families, Out: out,
		Created: now, Revision: 1,
	}
	for {
		var b [3]byte
		rand.Read(b[:]) // never fails
		in.ID = incident.MakeID(now, in.Site, hex.EncodeToString(b[:]))
		in.Key = in.ID
		err := r.Store.Create(in.Key)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return in, fmt.Errorf("claim incident %s: %w", in.ID, err)
		}
	}
	lock, err := r.Store.LockIncident(in.Key)
	if err != nil {
		return in, err
	}
	defer lock.Release()
	if err := r.Store.Save(in); err != nil {
		return in, err
	}
	return r.alone(ctx, in, q.Patience, q.Stop)
}

// alone works at one incident whose lock is held.
func (r *Runner) alone(ctx context.Context, in incident.Incident, patience time.Duration, stop <-chan struct{}) (incident.Incident, error) {
	if patience <= 0 {
		patience = DefaultNowPatience
	}
	table := incident.NewTable(r.Store, in)
	u := newRun(r, table, in.Key, terms{settle: r.Policy().Settle, patience: patience, stop: stop})
	err := u.work(ctx)
	if inVain(err) {
		err = errors.Join(err, u.concluded(err))
	} else if err != nil && ctx.Err() == nil {
		u.fail(err)
	}
	done, err2 := table.Get(in.Key)
	if err == nil && in.Kind != incident.KindDrill { // for which nothing is removed
		k := keeper{r}
		k.logRemoval(ctx, k.keepSize(ctx))
	}
	return done, errors.Join(err, err2)
}

// What keeps an incident from a retry.
var (
	ErrComplete = errors.New("it is complete: nothing to retry")
	ErrOpen     = errors.New("it is still open: grab watch goes on with it")
)

// A RetryRequest says how a retry is made.
type RetryRequest struct {
	Out      string          // folder for the bundle; "": where the earlier one is
	By, User string          // as in Incident; "": as they were
	Patience time.Duration   // as in Request
	Stop     <-chan struct{} // as in Request
}

// Retry takes a partial, lost or failed incident up again, by one of its names, and
// makes a later revision that holds all that the earlier one held. A complete one that has
// no report is sealed again with it, and no host is asked; so is one to which something came
// after it was sealed, without waiting for more of it. What was
// interrupted before it was sealed is brought to its end instead.
func (r *Runner) Retry(ctx context.Context, id string, q RetryRequest) (incident.Incident, error) {
	found, err := r.Store.Load(id)
	if err != nil {
		return incident.Incident{}, err
	}
	lock, err := r.Store.LockIncident(found.Key)
	if err != nil {
		return found, fmt.Errorf("retry %s: %w", found.ID, err)
	}
	defer lock.Release()
	in, err := r.Store.Read(found.Key) // it may have changed before the lock was had
	if err != nil {
		return found, fmt.Errorf("retry %s: %w", found.ID, err)
	}
	switch {
	case in.Joinable():
		return in, fmt.Errorf("retry %s: %w", in.ID, ErrOpen)
	case in.State == incident.Sealed && in.Coverage == evidence.Complete && in.NoReport() == "":
		has, err := latecomer{r}.sealed(in)
		if err != nil {
			return in, fmt.Errorf("retry %s: %w", in.ID, err)
		}
		if has && !exists(in.Bundle) {
			return in, fmt.Errorf("retry %s: it was complete, and its bundle is gone: %s is not there any more", in.ID, in.Bundle)
		}
		if has {
			return in, fmt.Errorf("retry %s: %w", in.ID, ErrComplete)
		}
		in.Late = true
	}
	if q.Out != "" {
		if in.Out, err = filepath.Abs(q.Out); err != nil {
			return in, err
		}
	}
	if q.By != "" {
		in.By = q.By
	}
	if q.User != "" {
		in.User = q.User
	}
	if in.State == incident.Sealed {
		in.State, in.Stopped = incident.Running, time.Time{}
		if in.Late {
			in.State = incident.Sealing
		}
		if err := next(r.Store, &in); err != nil {
			return in, err
		}
	}
	if err := r.Store.Save(in); err != nil {
		return in, err
	}
	return r.alone(ctx, in, q.Patience, q.Stop)
}
