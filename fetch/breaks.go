package fetch

import (
	"errors"
	"slices"

	"rtmtgrab/fetch/hostconn"
)

// A broken is a place between two held files where others may have come and gone.
type broken struct {
	family        string
	before, after *held
	round         int
}

// findBreaks looks for files that came and went unseen. Of the files held before
// this listing the newest must still be in the folder: then whatever is newer is
// there too, for the oldest go first. If it is gone, what was written between it
// and the oldest of the new files may be gone as well.
func (g *Grab) findBreaks(entries []hostconn.Entry) {
	for family, hs := range g.held {
		var before, after *held
		for _, h := range hs {
			if h.born < g.round && (before == nil || inTime(before, h) < 0) {
				before = h
			}
		}
		if before == nil || before.listed == g.round {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(entries), func(e hostconn.Entry) bool { // of the same size and second, and new
			return slices.ContainsFunc(hs, func(h *held) bool { return h.born == g.round && h.name == e.Name })
		})
		if before.among(others) {
			continue
		}
		for _, h := range hs {
			if h.born == g.round && !h.first.IsZero() && inTime(before, h) < 0 && (after == nil || inTime(h, after) < 0) {
				after = h
			}
		}
		if after != nil {
			g.breaks = append(g.breaks, broken{family, before, after, g.round})
		}
	}
}

// dropStale lets go of handles that no longer show what was held. What is
// missing of those files is looked for in their siblings.
func (g *Grab) dropStale() error {
	for family, hs := range g.held {
		errs := make([]error, len(hs))
		each(len(hs), func(i int) { errs[i] = hs[i].refresh() })
		if err := errors.Join(errs...); err != nil {
			return err
		}
		var kept []*held
		for _, h := range hs {
			// a file that was too short to be known may turn out to be another
			double := slices.ContainsFunc(kept, func(o *held) bool { return len(h.head) >= hostconn.TinyHead && sameFile(o, h) && !longer(h, o) })
			if !h.stale && !double {
				kept = append(kept, h)
				continue
			}
			h.file.Close()
			if h.stale {
				g.truncated = append(g.truncated, h)
			}
		}
		g.held[family] = kept
	}
	return nil
}

// among reports whether a listing shows the held file under some name that was
// not opened: by what it was when it was last looked at, by what it is now, or by
// something in between.
func (h *held) among(entries []hostconn.Entry) bool {
	size, mtime, err := h.file.Stat()
	return err == nil && slices.ContainsFunc(entries, func(e hostconn.Entry) bool {
		return e.Size >= h.size && e.Size <= size && !e.MTime.Before(h.mtime) && !e.MTime.After(mtime)
	})
}
