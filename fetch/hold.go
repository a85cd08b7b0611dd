package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

const (
	OldEnough = 10 * time.Minute
	relist    = 5  // listings before a folder that never rests is reported
	openAtOne = 16 // files opened at once
	restless  = 5 * time.Second
)

// File is an open file of a host.
type File struct {
	Name   string // under which it was last seen
	Handle hostconn.Handle
	Size   int64 // as stored, when last looked at
	MTime  time.Time
	Head   []byte // the first uncompressed bytes, at most headSize
	At     int64  // where head stands, behind the NULs that some files begin with
	Gzip   bool

	First     time.Time // of its first record, zero if it has none within reach
	Found     *Extent   // what locate said of this size and cut
	cut       evidence.Window
	foundSize int64
	Unpacked  int64     // bytes that a gzip file gave
	Stale     bool      // the handle no longer shows the file that was held
	born      int       // round of listing in which it was held first
	listed    int       // round in which the folder last showed it
	looked    time.Time // when size and mtime were seen, by the collector's clock
	origin    string    // fromRing: it is the ring's copy; empty: the host's
}

// hold opens every file of every family that may have records after oldest, and
// lists again until nothing unheld shows.
func (g *Grab) hold(ctx context.Context, oldest time.Time) error {
	g.missed, g.restless = nil, time.Time{}
	if err := g.dropStale(); err != nil {
		return err
	}
	for range relist {
		g.round++
		entries, opened, at, err := g.listAndOpen(ctx, oldest)
		if err != nil {
			return err
		}
		news := g.adoptKnown(opened, at)
		fresh, err := g.openAll(ctx, g.unheld(entries, oldest))
		if err != nil {
			return err
		}
		if at = g.clock(); g.adopt(fresh) {
			news, g.heldAt = true, at
		}
		g.findBreaks(entries)
		if !news {
			return nil
		}
	}
	for _, hs := range g.held { // what showed only now tells what else may show
		for _, h := range hs {
			if h.born == g.round && !h.First.IsZero() && (g.restless.IsZero() || h.First.Before(g.restless)) {
				g.restless = h.First
			}
		}
	}
	return nil
}

// list lists the folder and sorts the families' files into the order in which
// they are opened: the bare name, then the newest first.
func (g *Grab) list(ctx context.Context) ([]hostconn.Entry, error) {
	all, err := g.conn.List(ctx, g.Host.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		for _, f := range g.Host.Families {
			g.state.family(f).Absent = true
		}
		return nil, &hostconn.Fault{Why: evidence.ReasonAbsent, Err: errors.New("there is no folder " + g.Host.Dir), Stop: true}
	}
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	entries := slices.DeleteFunc(all, func(e hostconn.Entry) bool {
		f := expressway.FamilyOf(e.Name, g.Host.Families)
		if f == "" || !e.Regular || path.Base(e.Name) != e.Name || len(e.Name) > 255 {
			return true
		}
		seen[f] = true
		return false
	})
	for _, f := range g.Host.Families {
		g.state.family(f).Absent = !seen[f] && len(g.held[f]) == 0
	}
	slices.SortStableFunc(entries, func(a, b hostconn.Entry) int {
		if ab, bb := slices.Contains(g.Host.Families, a.Name), slices.Contains(g.Host.Families, b.Name); ab != bb {
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
	})
	g.listing = entries
	return entries, nil
}

// unheld picks the entries that have to be opened. Of the files too old for the
// window the newest of each family is held too: it proves where the window's
// start is. An entry at rest counts as held if one handle has its size and mtime,
// and no other entry or handle has.
func (g *Grab) unheld(entries []hostconn.Entry, oldest time.Time) []hostconn.Entry {
	var newest time.Time
	for _, e := range entries {
		if e.MTime.After(newest) {
			newest = e.MTime
		}
	}
	proven := map[string]bool{}
	var todo []hostconn.Entry
	for _, e := range entries {
		family := expressway.FamilyOf(e.Name, g.Host.Families)
		if e.MTime.Before(oldest) && e.Name != family {
			if proven[family] {
				continue
			}
			proven[family] = e.Size > 0
		}
		same := slices.IndexFunc(g.held[family], func(h *File) bool { return h.Size == e.Size && h.MTime.Equal(e.MTime) })
		if same >= 0 && e.MTime.Before(newest.Add(-restless)) && g.unique(entries, family, e) {
			g.held[family][same].listed = g.round
			continue
		}
		if g.skip != nil && g.skip(entries, e) {
			continue
		}
		if todo = append(todo, e); len(todo) == hostconn.MaxFiles {
			g.note("the folder has over %d files of the logs; the oldest were left out", hostconn.MaxFiles)
			return todo
		}
	}
	return todo
}

// unique reports whether one entry and one handle alone have that size and mtime.
func (g *Grab) unique(entries []hostconn.Entry, family string, e hostconn.Entry) bool {
	n := 0
	for _, o := range entries {
		if o.Size == e.Size && o.MTime.Equal(e.MTime) && expressway.FamilyOf(o.Name, g.Host.Families) == family {
			n++
		}
	}
	for _, h := range g.held[family] {
		if h.Size == e.Size && h.MTime.Equal(e.MTime) {
			n++
		}
	}
	return n == 2
}

// openAll opens files, all of them before any is read. One that is gone, or
// that cannot be opened, is written down and passed over.
func (g *Grab) openAll(ctx context.Context, entries []hostconn.Entry) ([]*File, error) {
	files := make([]*File, len(entries))
	errs := make([]error, len(entries))
	each(len(entries), func(i int) {
		var f hostconn.Handle
		if f, errs[i] = g.conn.Open(ctx, path.Join(g.Host.Dir, entries[i].Name)); errs[i] == nil {
			files[i] = &File{Name: entries[i].Name, Handle: f}
		}
	})
	each(len(entries), func(i int) {
		if files[i] != nil {
			errs[i] = files[i].look(entries[i].Size)
		}
	})
	var out []*File
	var lost error
	for i, h := range files {
		switch {
		case errs[i] == nil:
			out = append(out, h)
			continue
		case errors.Is(errs[i], fs.ErrNotExist):
			g.missed = append(g.missed, Missed{entries[i], evidence.ReasonVanished})
		case hostconn.IsAnswer(errs[i]):
			g.missed = append(g.missed, Missed{entries[i], evidence.ReasonRead})
			g.note("%s could not be read: %v", evidence.Printable(entries[i].Name, 80), errs[i])
		default:
			lost = errs[i]
		}
		if h != nil {
			h.Handle.Close()
		}
	}
	if lost != nil {
		for _, h := range out {
			h.Handle.Close()
		}
	}
	return out, lost
}

// Missed is a file that was listed and could not be held.
type Missed struct {
	hostconn.Entry
	Reason string
}

// each runs f(0) … f(n-1), some at a time, begun in order, and waits.
func each(n int, f func(int)) { hostconn.Each(n, openAtOne, f) }

// look reads size, mtime and head of a file just opened. hint is how long it was
// when it was listed, zero if that is not known.
func (h *File) look(hint int64) error {
	raw, err := h.start(hint)
	if err != nil {
		return err
	}
	if h.Size < 0 {
		return fmt.Errorf("%s: the host says that it has %d bytes", h.Name, h.Size)
	}
	if h.Gzip = isGzip(raw); h.Gzip {
		h.Head = gzipHead(raw)
		return nil
	}
	if h.At = 0; len(raw) > 0 && raw[0] == 0 {
		var err error
		if h.At, err = leadingNULs(h.Handle, h.Size); err != nil && !errors.Is(err, hostconn.ErrShort) {
			return err
		}
		raw = make([]byte, max(min(h.Size-h.At, 4*hostconn.HeadSize), 0))
		if err := hostconn.ReadFull(h.Handle, raw, h.At); err != nil && !errors.Is(err, hostconn.ErrShort) {
			return err
		}
	}
	h.Head = bytes.Clone(raw[:min(len(raw), hostconn.HeadSize)])
	return nil
}

// adopt takes newly opened files into what is held, unless they are held under
// another name, and reports whether any was new. Of two the longer one stays.
func (g *Grab) adopt(fresh []*File) bool {
	news := false
	for _, h := range fresh {
		family := expressway.FamilyOf(h.Name, g.Host.Families)
		hs := g.held[family]
		i := slices.IndexFunc(hs, func(o *File) bool { return sameFile(o, h) })
		h.born, h.listed = g.round, g.round
		if p, ok := FirstHead(h.Head, 0, false, g.ref(h.MTime)); ok {
			h.First = p.t
		}
		switch {
		case i < 0:
			g.held[family] = append(hs, h)
			news = true
		case longer(h, hs[i]):
			hs[i].Handle.Close()
			h.born = hs[i].born
			hs[i] = h
		default:
			hs[i].Name, hs[i].listed = h.Name, g.round
			if !h.Gzip || hs[i].Gzip {
				hs[i].MTime = h.MTime
			}
			h.Handle.Close()
		}
	}
	return news
}
