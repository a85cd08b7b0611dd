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

// Retentions says of each family how far back it went when the folder was listed last.
// It opens what is not held, a few files. A family without a record within reach is
// left out.
func (h *Holder) Retentions(ctx context.Context, clock Clock) (map[string]Retention, error) {
	found, errs := make([]*Retention, len(h.Host.Families)), make([]error, len(h.Host.Families))
	each(len(found), func(i int) { found[i], errs[i] = h.retention(ctx, h.Host.Families[i], clock) })
	all := map[string]Retention{}
	for i, r := range found {
		if r != nil {
			all[h.Host.Families[i]] = *r
		}
	}
	return all, errors.Join(errs...)
}

func (h *Holder) retention(ctx context.Context, name string, clock Clock) (*Retention, error) {
	var mine []hostconn.Entry
	for _, e := range h.listing {
		if expressway.FamilyOf(e.Name, h.Host.Families) == name && e.Size > 0 {
			mine = append(mine, e)
		}
	}
	slices.SortStableFunc(mine, func(a, b hostconn.Entry) int { return a.MTime.Compare(b.MTime) })
	r := &Retention{Seen: h.now().Add(clock.Offset), Young: len(mine) == 1}
	var err error
	if r.Oldest, err = h.firstOf(ctx, mine); err != nil || r.Oldest.IsZero() {
		return nil, err
	}
	r.PerMin, err = h.ratePerMin(ctx, mine, r)
	return r, err
}

// firstOf is the time of the first record in the first of the files that has one.
func (h *Holder) firstOf(ctx context.Context, entries []hostconn.Entry) (time.Time, error) {
	for _, e := range entries[:min(len(entries), retentionTries)] {
		t, err := h.firstIn(ctx, e)
		if err != nil || !t.IsZero() {
			return t, err
		}
	}
	return time.Time{}, nil
}

// firstIn is the time of a listed file's first record, zero if none is within
// reach or the file is gone.
func (h *Holder) firstIn(ctx context.Context, e hostconn.Entry) (time.Time, error) {
	s := h.setOf(e.Name)
	for _, f := range s.Files {
		if f.Name == e.Name && f.Size >= e.Size && !f.First.IsZero() {
			return f.First, nil
		}
	}
	handle, err := h.conn.Open(ctx, path.Join(h.Host.Dir, e.Name))
	if err == nil {
		defer handle.Close()
		f := &File{Info: Info{Name: e.Name}, Handle: handle}
		if err = f.look(e.Size); err == nil {
			var t time.Time
			if t, err = f.firstRecord(s.Zone); err == nil {
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
func (h *Holder) ratePerMin(ctx context.Context, sorted []hostconn.Entry, r *Retention) (int64, error) {
	plain := sorted
	for i, e := range sorted {
		if strings.HasSuffix(e.Name, ".gz") {
			plain = sorted[i+1:]
		}
	}
	since := r.Oldest
	if len(plain) < len(sorted) {
		var err error
		if since, err = h.firstOf(ctx, plain); err != nil || since.IsZero() {
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
