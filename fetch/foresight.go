package fetch

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// foreseeTries is how many of a family's oldest files are looked at for a record.
const foreseeTries = 3

// A Foresight says how long a family's records last on their host. Times are the
// host's.
type Foresight struct {
	Oldest time.Time `json:"oldest"`          // of the oldest record
	Seen   time.Time `json:"seen"`            // when that was the oldest
	PerMin int64     `json:"per_min"`         // bytes a minute, uncompressed, over the time that the plain files cover; 0 if unknown
	Young  bool      `json:"young,omitempty"` // there is one file only: the log may reach further back by itself
}

// Depth is how far back the family goes. What is written now is overwritten about
// so much later, at the earliest, while the rate stays as it is.
func (f Foresight) Depth() time.Duration { return max(f.Seen.Sub(f.Oldest), 0) }

// Foresee connects, looks at the oldest file of each family, and lets go. A family
// without a record within reach is left out.
func Foresee(ctx context.Context, host hostconn.Host) (map[string]Foresight, error) {
	g := &Grab{Host: host, state: &state{}}
	if err := g.connect(ctx); err != nil {
		return nil, err
	}
	conn := g.conn
	defer context.AfterFunc(ctx, func() { conn.Close(true) })()
	out, err := g.foresights(ctx)
	g.drop(err != nil && !ofTheHost(err))
	if err = inspectError(ctx, err); err != nil {
		return nil, err
	}
	return out, nil
}

// foresights lists the folder and looks at each family, over g's connection.
func (g *Grab) foresights(ctx context.Context) (map[string]Foresight, error) {
	if _, err := g.list(ctx); err != nil {
		return nil, err
	}
	g.state.setClock(<-g.measure(ctx))
	err := g.foresee(ctx)
	out := map[string]Foresight{}
	for name, f := range g.state.Families {
		if f.Foresight != nil {
			out[name] = *f.Foresight
		}
	}
	return out, err
}

// foresee notes of each family how far back it went when the folder was listed
// last. It opens what is not held, a few files.
func (g *Grab) foresee(ctx context.Context) error {
	found, errs := make([]*Foresight, len(g.Host.Families)), make([]error, len(g.Host.Families))
	each(len(found), func(i int) { found[i], errs[i] = g.foreseeFamily(ctx, g.Host.Families[i]) })
	for i, fs := range found {
		if fs != nil {
			g.state.family(g.Host.Families[i]).Foresight = fs
		}
	}
	return errors.Join(errs...)
}

func (g *Grab) foreseeFamily(ctx context.Context, name string) (*Foresight, error) {
	var mine []hostconn.Entry
	for _, e := range g.listing {
		if expressway.FamilyOf(e.Name, g.Host.Families) == name && e.Size > 0 {
			mine = append(mine, e)
		}
	}
	slices.SortStableFunc(mine, func(a, b hostconn.Entry) int { return a.MTime.Compare(b.MTime) })
	fs := &Foresight{Seen: g.clock().Add(g.state.offset()), Young: len(mine) == 1}
	var err error
	if fs.Oldest, err = g.firstOf(ctx, mine); err != nil || fs.Oldest.IsZero() {
		return nil, err
	}
	fs.PerMin, err = g.ratePerMin(ctx, mine, fs)
	return fs, err
}

// firstOf is the time of the first record in the first of the files that has one.
func (g *Grab) firstOf(ctx context.Context, entries []hostconn.Entry) (time.Time, error) {
	for _, e := range entries[:min(len(entries), foreseeTries)] {
		t, err := g.firstIn(ctx, e)
		if err != nil || !t.IsZero() {
			return t, err
		}
	}
	return time.Time{}, nil
}

// firstIn is the time of a listed file's first record, zero if none is within
// reach or the file is gone.
func (g *Grab) firstIn(ctx context.Context, e hostconn.Entry) (time.Time, error) {
	family := expressway.FamilyOf(e.Name, g.Host.Families)
	for _, h := range g.held[family] {
		if h.Name == e.Name && h.Size >= e.Size && !h.First.IsZero() {
			return h.First, nil
		}
	}
	f, err := g.conn.Open(ctx, path.Join(g.Host.Dir, e.Name))
	if err == nil {
		defer f.Close()
		h := &File{Name: e.Name, Handle: f}
		if err = h.look(e.Size); err == nil {
			var t time.Time
			if t, err = g.firstRecord(h); err == nil {
				return t, nil
			}
		}
	}
	if hostconn.IsAnswer(err) || errors.Is(err, hostconn.ErrShort) {
		err = nil
	}
	return time.Time{}, err
}

// ratePerMin is bytes a minute over the plain files after the newest compressed
// one, whose true size is not known.
func (g *Grab) ratePerMin(ctx context.Context, sorted []hostconn.Entry, fs *Foresight) (int64, error) {
	plain := sorted
	for i, e := range sorted {
		if strings.HasSuffix(e.Name, ".gz") {
			plain = sorted[i+1:]
		}
	}
	since := fs.Oldest
	if len(plain) < len(sorted) {
		var err error
		if since, err = g.firstOf(ctx, plain); err != nil || since.IsZero() {
			return 0, err
		}
	}
	var n int64
	for _, e := range plain {
		n += e.Size
	}
	span := fs.Seen.Sub(since)
	if span < time.Second {
		return 0, nil
	}
	return int64(float64(n) / span.Minutes()), nil
}

// tell writes a family's foresight into its row. The minutes that were asked for
// begin to be overwritten when they are as old as the oldest record; of a log that
// has not rotated yet nobody knows.
func (fs *Foresight) tell(f *evidence.File, asked evidence.Window, offset time.Duration) {
	if fs == nil {
		return
	}
	oldest, gone := fs.Oldest.Add(-offset).UTC(), asked.Since.Add(fs.Depth()).UTC()
	f.Oldest, f.DepthS, f.BytesPerMinute = &oldest, int64(fs.Depth().Seconds()), fs.PerMin
	if !fs.Young {
		f.Overwritten = &gone
	}
}
