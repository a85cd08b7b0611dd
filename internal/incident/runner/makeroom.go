package runner

import (
	"cmp"
	"errors"
	"slices"

	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/incident"
)

// makeRoom removes the oldest incidents when work cannot go on for want of room, as many
// as give the room that err lacks, and reports whether any went. The newest of each site
// stays, and all do where the disk would not be free down to its reserve without them:
// then it is somebody else who fills it.
func (r *Runner) makeRoom(err error) bool {
	if r.Reserve == nil {
		return false
	}
	r.working.room.Lock()
	defer r.working.room.Unlock()
	left, known := r.Reserve.Left()
	if !known {
		return false
	}
	lacks := -left
	if e, ok := errors.AsType[*diskspace.ReservedError](err); ok {
		if lacks = e.Wants - left; lacks <= 0 {
			return true // another has made it meanwhile
		}
	}
	if lacks <= 0 {
		return false // out of inodes, or over a quota: bundles are not in the way
	}

	list := r.dispensable()
	var all int64
	for _, d := range list {
		all += d.bytes
	}
	if all < -left {
		return false
	}
	now, freed := r.now().UTC().Round(0), int64(0)
	sealed := func(in incident.Incident) bool { return in.State == incident.Sealed && len(in.Revisions) > 0 }
	for _, d := range list {
		if freed >= lacks {
			break
		}
		n, err := r.remove(d.key, now, sealed, "no room on the disk (keep.free)")
		if err != nil {
			r.log().Error("an old incident cannot be removed to make room", "incident", d.key, "err", err)
		}
		freed += n
	}
	r.Reserve.Renew()
	return freed > 0
}

type dispensable struct {
	key   string
	bytes int64 // of its bundles
}

// dispensable are the sealed and delivered incidents with bundles in the store, the oldest
// first, without the newest of each site.
func (r *Runner) dispensable() (list []dispensable) {
	all, err := r.Store.IncidentsOnDisk(func(string, ...any) {}) // what cannot be read is said elsewhere
	if err != nil {
		return nil
	}
	all = slices.DeleteFunc(all, func(in incident.Incident) bool { return in.State != incident.Sealed || len(in.Revisions) == 0 })
	slices.SortFunc(all, func(a, b incident.Incident) int {
		return cmp.Or(lastSealed(a).Compare(lastSealed(b)), cmp.Compare(a.Key, b.Key))
	})
	for i, in := range all {
		if !slices.ContainsFunc(all[i+1:], func(o incident.Incident) bool { return o.Site == in.Site }) {
			continue
		}
		if r.undelivered(in.Key) {
			continue
		}
		if rm := r.removal(in, lastSealed(in), ""); rm.Bytes > 0 {
			list = append(list, dispensable{in.Key, rm.Bytes})
		}
	}
	return list
}
