package runner

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

// removeOld finishes removals that a crash broke off, and removes sealed incidents: those whose
// newest revision was sealed more than Policy.Keep ago, then, the oldest first, as many as the
// bundles in the store are above Policy.KeepSize. With an incident go its bundles in the store, its
// kept slices and its folder; each is written to removed.jsonl first, and logged. What is not sealed, not
// delivered, pinned or worked at stays, and so do bundles outside the store, which belong to
// whoever asked for them. In the hour after the clock leapt by a day or more nothing goes for its age. For KeepSize the newest incident stays too, however large.
func (r keeper) removeOld(ctx context.Context, now time.Time) error {
	errs := []error{r.finishRemovals(ctx)}
	list, err := r.sealedIncidents(ctx)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	p := r.Policy()
	if believed := r.working.ages.Believable(r.now()); p.Keep > 0 && believed {
		old := func(s sealedOne) bool { return now.Sub(s.sealed) > p.Keep }
		list, err = r.removeAll(ctx, list, now, "older than keep.age, "+human.Span(p.Keep), func(s sealedOne, _ int64) bool { return old(s) })
		errs = append(errs, err)
	}
	if p.KeepSize > 0 && len(list) > 0 {
		last := list[len(list)-1]
		list, err = r.removeAll(ctx, list, now, "the bundles take more than keep.size, "+human.Size(p.KeepSize), func(s sealedOne, all int64) bool {
			return all > p.KeepSize && s.bytes > 0 && s.key != last.key
		})
		errs = append(errs, err)
	}
	r.working.note(keptOf(list, p.KeepSize))
	return errors.Join(errs...)
}

// removeAll removes those of a list that may go and that want says yes to, given how many bytes all
// that are there take, and returns what is left.
func (r keeper) removeAll(ctx context.Context, list []sealedOne, now time.Time, why string, want func(s sealedOne, all int64) bool) ([]sealedOne, error) {
	all := bytesOf(list)
	var left []sealedOne
	var errs []error
	for _, s := range list {
		if ctx.Err() != nil || !s.mayGo() || !want(s, all) {
			left = append(left, s)
			continue
		}
		gone, err := r.remove(s, now, why)
		errs = append(errs, err)
		if !gone {
			left = append(left, s)
		}
		if gone || err != nil { // it goes the next time: no younger one in its place
			all -= s.bytes
		}
	}
	return left, errors.Join(errs...)
}

// keepSize is removeOld where the bundles are too large, found out without reading any record.
func (r keeper) keepSize(ctx context.Context) error {
	size := r.Policy().KeepSize
	if size <= 0 {
		return nil
	}
	if bundleBytes(r.Store.Bundles()) <= size {
		r.working.fits()
		return nil
	}
	return r.removeOld(ctx, r.now().UTC().Round(0))
}

// bundleBytes is how much the files in a folder take.
func bundleBytes(dir string) (n int64) {
	entries, _ := os.ReadDir(dir) // one that cannot be read is said elsewhere
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n
}

// A sealedOne is a sealed incident, as far as it matters to what is removed.
type sealedOne struct {
	key, site   string
	sealed      time.Time // the newest revision
	bytes       int64     // of its bundles in the store
	pinned      bool
	undelivered bool
}

func (s sealedOne) mayGo() bool { return !s.pinned && !s.undelivered }

func isSealed(in incident.Incident) bool {
	return in.State == incident.Sealed && len(in.Revisions) > 0 && in.Kind != incident.KindDrill
}

// lastSealed is when the newest revision of an incident was sealed that has one.
func lastSealed(in incident.Incident) time.Time { return in.Revisions[len(in.Revisions)-1].Sealed }

// sealedIncidents are all of the store but drills, the oldest first. One record is read at a
// time; what cannot be read is said elsewhere, and stays.
func (r keeper) sealedIncidents(ctx context.Context) (list []sealedOne, err error) {
	keys, err := r.Store.Keys()
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		in, err := r.Store.Read(key)
		if err != nil || !isSealed(in) {
			continue
		}
		s := sealedOne{key: key, site: in.Site, sealed: lastSealed(in), pinned: incident.IsPinned(r.Store, key), undelivered: r.undelivered(key)}
		for _, b := range incident.OwnBundles(r.Store, in) {
			s.bytes += b.Bytes
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b sealedOne) int { return cmp.Or(a.sealed.Compare(b.sealed), cmp.Compare(a.key, b.key)) })
	return list, nil
}

func bytesOf(list []sealedOne) (n int64) {
	for _, s := range list {
		n += s.bytes
	}
	return n
}
