package logset

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

const (
	// Relistings is after how many listings a folder that never rests is reported.
	Relistings = 5
	openAtOne  = 128 // files opened at once, and asked for little at once
	readAtOne  = 16  // files of which more is read at once
)

// each runs f(0) … f(n-1), some at a time, begun in order, and waits.
func each(n int, f func(int)) { hostconn.Each(n, openAtOne, f) }

// eachOf is each for what reads much of large files: of those fewer are under way at a time.
func eachOf(files []*File, f func(int)) {
	var small, large []int
	for i, file := range files {
		if file.Size <= 4*hostconn.HeadSize {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	hostconn.Each(len(small), openAtOne, func(i int) { f(small[i]) })
	hostconn.Each(len(large), readAtOne, func(i int) { f(large[i]) })
}

// Hold opens every file of every family that may have records after oldest, and
// lists again until nothing unheld shows. What others hold of the host already is
// borrowed first.
func (h *Holder) Hold(ctx context.Context, oldest time.Time) error {
	lender, ok := h.conn.(lender)
	if !ok {
		return h.hold(ctx, oldest)
	}
	if h.holdsNothing() {
		done, err := lender.HoldTurn(ctx)
		if err != nil {
			return err
		}
		defer done()
		h.borrow(lender)
	}
	err := h.hold(ctx, oldest)
	for _, s := range h.sets {
		for _, f := range s.Files {
			lender.Offer(f.Handle, lentFile{h.Host.Dir, f.Info})
		}
	}
	return err
}

func (h *Holder) hold(ctx context.Context, oldest time.Time) error {
	h.Restless = time.Time{}
	for _, s := range h.sets {
		s.Missed = nil
	}
	if err := h.dropStale(); err != nil {
		return err
	}
	defer h.missIrregular(oldest)
	replaced := map[hostconn.Entry]bool{}
	defer h.missReplaced(replaced)
	for range Relistings {
		h.round++
		entries, opened, at, err := h.listAndOpen(ctx, oldest)
		if err != nil {
			return err
		}
		news := h.adoptKnown(opened, at)
		todo, over := h.unheld(entries, oldest)
		fresh, moved, err := h.openAll(ctx, todo, replaced)
		if err != nil {
			return err
		}
		if at = h.now(); h.adopt(fresh) {
			news, h.HeldAt = true, at
		}
		for _, s := range h.sets {
			s.findBreaks(h.round, entries)
		}
		h.leaveOut(over)
		if !news && !moved {
			return nil
		}
	}
	h.Restless = h.newest() // what showed only now tells what else may show
	return nil
}

// newest is the time of the oldest record of the files that were held in this round.
func (h *Holder) newest() (t time.Time) {
	for _, s := range h.sets {
		for _, f := range s.Files {
			if f.born == h.round && !f.First.IsZero() && (t.IsZero() || f.First.Before(t)) {
				t = f.First
			}
		}
	}
	return t
}

// list lists the folder and sorts the families' files into the order in which
// they are opened: the bare name, then the newest first.
func (h *Holder) list(ctx context.Context) ([]hostconn.Entry, error) {
	all, err := h.conn.List(ctx, h.Host.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		for _, name := range h.Host.Families {
			h.Set(name).Absent = true
		}
		return nil, &hostconn.Fault{Why: evidence.ReasonAbsent, Err: errors.New("no folder " + h.Host.Dir), Stop: true}
	}
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	h.irregular = nil
	entries := slices.DeleteFunc(all, func(e hostconn.Entry) bool {
		family := expressway.FamilyOf(e.Name, h.Host.Families)
		if family == "" || path.Base(e.Name) != e.Name || len(e.Name) > 255 || !e.Regular && !rotated(e.Name, family) {
			return true
		}
		if seen[family] = true; !e.Regular {
			h.irregular = append(h.irregular, e)
		}
		return !e.Regular
	})
	for _, name := range h.Host.Families {
		s := h.Set(name)
		s.Absent = !seen[name] && len(s.Files) == 0
	}
	slices.SortStableFunc(entries, h.inOpeningOrder)
	h.listing = entries
	return entries, nil
}

func (h *Holder) inOpeningOrder(a, b hostconn.Entry) int {
	if ab, bb := slices.Contains(h.Host.Families, a.Name), slices.Contains(h.Host.Families, b.Name); ab != bb {
		if ab {
			return -1
		}
		return 1
	}
	if c := b.MTime.Compare(a.MTime); c != 0 {
		return c
	}
	if expressway.NaturalLess(a.Name, b.Name) {
		return -1
	}
	return 1
}

// unheld picks the entries that have to be opened. Of the files too old for the
// window the newest of each family is held too: it proves where the window's
// start is. An entry at rest counts as held if one handle has its size and mtime,
// and no other entry or handle has. over are those that are too many.
func (h *Holder) unheld(entries []hostconn.Entry, oldest time.Time) (todo, over []hostconn.Entry) {
	var newest time.Time
	for _, e := range entries {
		if e.MTime.After(newest) {
			newest = e.MTime
		}
	}
	proven, held := map[string]bool{}, h.heldAs(entries)
	for _, e := range entries {
		s := h.setOf(e.Name)
		if e.MTime.Before(oldest) && !OddTime(e.MTime) && e.Name != s.Family {
			if proven[s.Family] {
				continue
			}
			proven[s.Family] = e.Size > 0
		}
		if e.MTime.Before(newest.Add(-Rest)) && h.alreadyHeld(held[looksOf(s, e.Size, e.MTime)]) {
			continue
		}
		if h.Skip != nil && h.Skip(entries, e) {
			continue
		}
		if len(todo) == hostconn.MaxFiles {
			over = append(over, e)
			continue
		}
		todo = append(todo, e)
	}
	return todo, over
}

// leaveOut writes files down that are too many to be held.
func (h *Holder) leaveOut(over []hostconn.Entry) {
	for _, e := range over {
		s := h.setOf(e.Name)
		s.Missed = append(s.Missed, Missed{e, evidence.ReasonTooLarge})
	}
	if len(over) > 0 {
		h.note("the folder has more than %d log files; the oldest were left out", hostconn.MaxFiles)
	}
}

// missReplaced writes down what was listed and was no more, or another file, when it was opened.
func (h *Holder) missReplaced(replaced map[hostconn.Entry]bool) {
	for e := range replaced {
		s := h.setOf(e.Name)
		s.Missed = append(s.Missed, Missed{e, evidence.ReasonVanished})
	}
}

// missIrregular writes down what stands in a log's place and is no file: records may be
// in it, or where it leads.
func (h *Holder) missIrregular(oldest time.Time) {
	for _, e := range h.irregular {
		s := h.setOf(e.Name)
		if e.Name == s.Family || OddTime(e.MTime) || !e.MTime.Before(oldest) {
			s.Missed = append(s.Missed, Missed{e, evidence.ReasonRead})
			h.note("%s is no regular file: it was not read", evidence.Printable(e.Name, 80))
		}
	}
}

// looks is how a file of a family looks in a listing.
type looks struct {
	set   *Set
	size  int64
	mtime int64 // in nanoseconds since 1970
}

func looksOf(s *Set, size int64, mtime time.Time) looks { return looks{s, size, mtime.UnixNano()} }

// alikes are the entries and the handles that look the same.
type alikes struct {
	n    int
	file *File // one of the handles; nil: there is none
}

// heldAs is what is listed and held, by its looks: a folder may have a hundred thousand files.
func (h *Holder) heldAs(entries []hostconn.Entry) map[looks]alikes {
	all := map[looks]alikes{}
	for _, e := range entries {
		at := looksOf(h.setOf(e.Name), e.Size, e.MTime)
		all[at] = alikes{n: all[at].n + 1}
	}
	for _, s := range h.sets {
		for _, f := range s.Files {
			at := looksOf(s, f.Size, f.MTime)
			all[at] = alikes{all[at].n + 1, f}
		}
	}
	return all
}

// alreadyHeld reports whether an entry at rest is a file that is held: one entry and one
// handle alone have that size and mtime.
func (h *Holder) alreadyHeld(a alikes) bool {
	if a.file == nil || a.n != 2 {
		return false
	}
	a.file.listed = h.round
	return true
}

// adopt takes newly opened files into what is held, unless they are held under
// another name, and reports whether any was new. Of two the longer one stays.
func (h *Holder) adopt(fresh []*File) bool {
	news := false
	var double []*File
	defer func() { h.closeBeside(double) }()
	for _, f := range fresh {
		s := h.setOf(f.Name)
		f.born, f.listed = h.round, h.round
		f.ShowFirst(s.Zone)
		i := slices.IndexFunc(s.Files, func(o *File) bool { return sameFile(o, f) })
		if i < 0 {
			recall(s.found, f)
			s.Files = append(s.Files, f)
			news = true
			continue
		}
		switch o := s.Files[i]; {
		case longer(f, o):
			double = append(double, o)
			f.born = o.born
			s.Files[i] = f
		default:
			o.Name, o.listed = f.Name, h.round
			if !f.Gzip || o.Gzip {
				o.MTime = f.MTime
			}
			double = append(double, f)
		}
	}
	return news
}

// dropStale lets go of handles that no longer show what was held. What is
// missing of those files is looked for in their siblings.
func (h *Holder) dropStale() error {
	for _, s := range h.sets {
		errs := make([]error, len(s.Files))
		each(len(s.Files), func(i int) { errs[i] = s.Files[i].Refresh() })
		if err := errors.Join(errs...); err != nil {
			return err
		}
		var kept []*File
		for _, f := range s.Files {
			// a file that was too short to be known may turn out to be another
			double := slices.ContainsFunc(kept, func(o *File) bool {
				return len(f.Head) >= hostconn.TinyHead && sameFile(o, f) && !longer(f, o)
			})
			if !f.Stale && !double {
				f.borrowed = false
				kept = append(kept, f)
				continue
			}
			f.Handle.Close()
			if f.Stale && !f.borrowed { // what others held is nothing that this one lost
				s.Truncated = append(s.Truncated, f)
			}
		}
		s.Files = kept
	}
	return nil
}
