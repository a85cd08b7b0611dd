package fetch

import (
	"errors"
	"slices"

	"rtmtgrab/fetch/hostconn"
)

// A Break is a place between two held files where others may have come and gone.
type Break struct {
	Family        string
	Before, After *File
	round         int
}

// findBreaks looks for files that came and went unseen. Of the files held before
// this listing the newest must still be in the folder: then whatever is newer is
// there too, for the oldest go first. If it is gone, what was written between it
// and the oldest of the new files may be gone as well.
func (g *Grab) findBreaks(entries []hostconn.Entry) {
	for family, hs := range g.held {
		var before, after *File
		for _, h := range hs {
			if h.born < g.round && (before == nil || InTime(before, h) < 0) {
				before = h
			}
		}
		if before == nil || before.listed == g.round {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(entries), func(e hostconn.Entry) bool { // of the same size and second, and new
			return slices.ContainsFunc(hs, func(h *File) bool { return h.born == g.round && h.Name == e.Name })
		})
		if before.among(others) {
			continue
		}
		for _, h := range hs {
			if h.born == g.round && !h.First.IsZero() && InTime(before, h) < 0 && (after == nil || InTime(h, after) < 0) {
				after = h
			}
		}
		if after != nil {
			g.breaks = append(g.breaks, Break{family, before, after, g.round})
		}
	}
}

// dropStale lets go of handles that no longer show what was held. What is
// missing of those files is looked for in their siblings.
func (g *Grab) dropStale() error {
	for family, hs := range g.held {
		errs := make([]error, len(hs))
		each(len(hs), func(i int) { errs[i] = hs[i].Refresh() })
		if err := errors.Join(errs...); err != nil {
			return err
		}
		var kept []*File
		for _, h := range hs {
			// a file that was too short to be known may turn out to be another
			double := slices.ContainsFunc(kept, func(o *File) bool { return len(h.Head) >= hostconn.TinyHead && sameFile(o, h) && !longer(h, o) })
			if !h.Stale && !double {
				kept = append(kept, h)
				continue
			}
			h.Handle.Close()
			if h.Stale {
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
func (h *File) among(entries []hostconn.Entry) bool {
	size, mtime, err := h.Handle.Stat()
	return err == nil && slices.ContainsFunc(entries, func(e hostconn.Entry) bool {
		return e.Size >= h.Size && e.Size <= size && !e.MTime.Before(h.MTime) && !e.MTime.After(mtime)
	})
}
