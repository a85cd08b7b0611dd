package runner

import (
	"context"
	"errors"
	"slices"

	"rtmtgrab/internal/diskspace"
)

// makeRoom removes the oldest incidents when work cannot go on for want of room, as many
// as give the room that err lacks, and reports whether any went. The newest of each site
// stays, and all do where the disk would not be free down to its reserve without them and
// those that are pinned or not delivered yet: then it is somebody else who fills it.
func (r keeper) makeRoom(err error) bool {
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

	all, err := r.sealedIncidents(context.Background())
	if err != nil {
		return false
	}
	list := dispensable(all)
	kept := keptOf(all, r.Policy().KeepSize)
	r.working.note(kept)
	if bytesOf(list)+kept.Pinned.Bytes+kept.Undelivered.Bytes < -left {
		return false
	}
	now, freed := r.now().UTC().Round(0), int64(0)
	for _, s := range list {
		if freed >= lacks {
			break
		}
		gone, err := r.remove(s, now, "no room on the disk (keep.free)")
		if err != nil {
			r.log().Error("an old incident cannot be removed to make room", "incident", s.key, "err", err)
		}
		if gone {
			freed += s.bytes
		}
	}
	r.Reserve.Renew()
	return freed > 0
}

// dispensable are those of a list, the oldest first, that have bundles in the store and may go,
// without the newest of each site.
func dispensable(all []sealedOne) (list []sealedOne) {
	newest := map[string]string{}
	for _, s := range all {
		newest[s.site] = s.key
	}
	return slices.DeleteFunc(slices.Clone(all), func(s sealedOne) bool { return newest[s.site] == s.key || s.bytes == 0 || !s.mayGo() })
}
