package logset

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/expressway"
)

// retentionTries is how many of a family's oldest files are looked at for a record.
const retentionTries = 3

// A Retention says how long a family's records last on their host. Times are the
// host's.
type Retention struct {
	Oldest time.Time `json:"oldest"`          // of the oldest record
	Seen   time.Time `json:"seen"`            // when that was the oldest
	PerMin int64     `json:"per_min"`         // bytes a minute, uncompressed, over the time that the plain files cover; 0 if unknown
	Young  bool      `json:"young,omitempty"` // there is one file only: the log may reach further back by itself
}

// Depth is how far back the family goes. What is written now is overwritten about
// so much later, at the earliest, while the rate stays as it is.
func (r Retention) Depth() time.Duration { return max(r.Seen.Sub(r.Oldest), 0) }

// Retentions begins to find out how far back each family went when the folder was listed last,
// and returns what waits for the answer. It opens what is not held, a few files, while the
// Holder and its Sets may be used; who drops the connection waits first. A family without a
// record within reach is left out.
func (h *Holder) Retentions(ctx context.Context, clock Clock) (wait func() (map[string]Retention, error)) {
	families := slices.Clone(h.Host.Families)
	looks := make([]*depthLook, len(families))
	for i, name := range families {
		looks[i] = h.depthLook(name, clock)
	}
	found, errs, done := make([]*Retention, len(looks)), make([]error, len(looks)), make(chan struct{})
	go func() {
		defer close(done)
		each(len(looks), func(i int) { found[i], errs[i] = looks[i].retention(ctx) })
	}()
	return func() (map[string]Retention, error) {
		<-done
		all := map[string]Retention{}
		for i, r := range found {
			if r != nil {
				all[families[i]] = *r
			}
		}
		return all, errors.Join(errs...)
	}
}

// depthLook looks for how far back one family goes, by what its Holder knew when it began.
type depthLook struct {
	close   func([]*File)
	conn    hostconn.Conn
	dir     string
	zone    *time.Location
	now     time.Time            // by the host's clock
	entries []hostconn.Entry     // of its files with something in them, the oldest first
	known   map[string]time.Time // the time of the first record, by the name of a file
}

func (h *Holder) depthLook(family string, clock Clock) *depthLook {
	s := h.Set(family)
	l := &depthLook{close: h.closeBeside, conn: h.conn, dir: h.Host.Dir, zone: s.Zone, now: h.now().Add(clock.Offset), known: map[string]time.Time{}}
	for _, e := range h.listing {
		if e.Size > 0 && expressway.FamilyOf(e.Name, h.Host.Families) == family {
			l.entries = append(l.entries, e)
		}
	}
	slices.SortStableFunc(l.entries, func(a, b hostconn.Entry) int { return a.MTime.Compare(b.MTime) })
	for _, e := range l.entries {
		for _, f := range s.Files {
			if f.Name == e.Name && f.Size >= e.Size && !f.First.IsZero() {
				l.known[e.Name] = f.First
			}
		}
	}
	return l
}

func (l *depthLook) retention(ctx context.Context) (*Retention, error) {
	r := &Retention{Seen: l.now, Young: len(l.entries) == 1}
	var err error
	if r.Oldest, err = l.firstOf(ctx, l.entries); err != nil || r.Oldest.IsZero() {
		return nil, err
	}
	r.PerMin, err = l.ratePerMin(ctx, r)
	return r, err
}

// firstOf is the time of the first record in the first of the files that has one.
func (l *depthLook) firstOf(ctx context.Context, entries []hostconn.Entry) (time.Time, error) {
	for _, e := range entries[:min(len(entries), retentionTries)] {
		t, err := l.firstIn(ctx, e)
		if err != nil || !t.IsZero() {
			return t, err
		}
	}
	return time.Time{}, nil
}

// firstIn is the time of a listed file's first record, zero if none is within
// reach or the file is gone.
func (l *depthLook) firstIn(ctx context.Context, e hostconn.Entry) (time.Time, error) {
	if t, ok := l.known[e.Name]; ok {
		return t, nil
	}
	handle, err := l.conn.Open(ctx, path.Join(l.dir, e.Name))
	if err == nil {
		f := &File{Info: Info{Name: e.Name}, Handle: handle}
		defer l.close([]*File{f})
		if err = f.look(e.Size); err == nil {
			var t time.Time
			if t, err = f.firstRecord(l.zone); err == nil {
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
func (l *depthLook) ratePerMin(ctx context.Context, r *Retention) (int64, error) {
	plain := l.entries
	for i, e := range l.entries {
		if strings.HasSuffix(e.Name, ".gz") {
			plain = l.entries[i+1:]
		}
	}
	since := r.Oldest
	if len(plain) < len(l.entries) {
		var err error
		if since, err = l.firstOf(ctx, plain); err != nil || since.IsZero() {
			return 0, err
		}
	}
	var n int64
	for _, e := range plain {
		n += e.Size
	}
	span := r.Seen.Sub(since)
	if span < time.Second {
		return 0, nil
	}
	return int64(float64(n) / span.Minutes()), nil
}
