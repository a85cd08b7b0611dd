// Package filing finds the incident that a phone's problem report belongs to, and puts the report
// there: with the next revision it is in the bundle. And it keeps the receiver of such
// reports going as the configuration says.
//
// It guarantees that a report is under exactly one incident, or waits for one in its box until
// its time is over; that a kill at any point leads to the same; and that nothing but the name of
// the device and the time decide. It does not know how reports are received or how a bundle is made.
package filing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/leap"
	"rtmtgrab/internal/prt"
)

// Near is how far from an incident's window, or its alert, a report may be that belongs to it.
const Near = 30 * time.Minute

// ofDevice is how many reports of one phone an incident takes.
const ofDevice = 20

// A filer files what waits. It is not for concurrent use.
type filer struct {
	store   *incident.Store
	box     *prt.Box
	reserve *diskspace.Reserve
	log     *slog.Logger
	now     func() time.Time
	ages    leap.Watch // by which reports are too old

	seen map[string]time.Time // see incident.Store.Changed
	near map[string]candidate // incidents that reports may belong to, by key
}

// longLeap is by how much this machine's clock leaps at most while ages are believed.
const longLeap = 24 * time.Hour

func newFiler(store *incident.Store, box *prt.Box, reserve *diskspace.Reserve, log *slog.Logger, now func() time.Time) *filer {
	return &filer{store: store, box: box, reserve: reserve, log: log, now: now, seen: map[string]time.Time{}, near: map[string]candidate{}}
}

// look files what can be filed, and drops what is older than keep. Its errors are logged, the next look tries again.
func (f *filer) look(ctx context.Context, keep time.Duration) {
	var dropped []prt.Report
	var err error
	f.ages.Least = min(keep, longLeap)
	if now := f.now(); f.ages.Believable(now) {
		dropped, err = f.box.Expire(now, keep)
	}
	for _, r := range dropped {
		f.log.Warn("phone's problem report dropped: no incident of its phone came within prt.keep", "device", r.Device, "received", r.Received)
	}
	if err != nil {
		f.log.Error("old problem reports cannot be removed", "err", err)
	}
	waiting := f.box.Waiting()
	if len(waiting) == 0 {
		return
	}
	if err := f.learn(waiting[0].Received); err != nil {
		f.log.Warn("some incidents cannot be read: a phone's problem report may have to wait", "err", err)
	}
	for _, r := range waiting {
		if ctx.Err() != nil {
			return
		}
		key, ok := f.match(ctx, r)
		if !ok {
			continue
		}
		err := f.file(ctx, r, key)
		switch {
		case errors.Is(err, incident.ErrRemoved):
			delete(f.near, key)
		case err != nil && ctx.Err() == nil:
			f.log.Error("a phone's problem report cannot be filed yet; retrying", "device", r.Device, "incident", key, "err", err)
		case err == nil:
			f.log.Info("phone's problem report filed", "device", r.Device, "incident", key, "report", r.ID)
		}
	}
}

// learn takes up the incidents that changed since the last look; of those whose window ended long before the
// oldest report nothing is kept.
func (f *filer) learn(oldest time.Time) error {
	changed, err := f.store.Changed(f.seen)
	for key := range f.near {
		if _, there := f.seen[key]; !there {
			delete(f.near, key)
		}
	}
	for _, in := range changed {
		if in.Kind == incident.KindDrill || in.Asked.Until.Add(Near).Before(oldest) && in.Alerted().Add(Near).Before(oldest) {
			delete(f.near, in.Key)
			continue
		}
		f.near[in.Key] = candidateOf(in)
	}
	return err
}

// match is the incident that a report belongs to: of those of its phone the one whose alert is
// nearest.
func (f *filer) match(ctx context.Context, r prt.Report) (key string, ok bool) {
	var best time.Duration
	for k, c := range f.near {
		far, near := c.far(r.Received)
		if !near || ok && (far > best || far == best && k > key) || !f.has(ctx, k, r.Device) || f.full(k, r) {
			continue
		}
		key, best, ok = k, far, true
	}
	return key, ok
}

// full reports whether the incident has as many reports of the phone as it takes.
func (f *filer) full(key string, r prt.Report) bool {
	n := 0
	for _, o := range f.box.Filed(key) {
		if o.Device == r.Device {
			n++
		}
	}
	return n >= ofDevice
}

// file puts a report into the incident's folder, and then out of the box.
func (f *filer) file(ctx context.Context, r prt.Report, key string) error {
	folder := material.Of(f.store, key)
	state, err := folder.Read()
	if err != nil {
		return err
	}
	if _, there := state.Find(r.Path()); !there { // else a crash came in between
		if err := f.reserve.Refusal(r.Bytes); err != nil {
			return err
		}
		in, err := f.copy(ctx, folder, r)
		if err != nil {
			return err
		}
		row := evidence.PRT{Device: r.Device, Path: r.Path(), Received: r.Received, From: r.From, Bytes: in.Bytes, SHA256: in.SHA256}
		if err := folder.Add(f.now(), material.Change{Files: []material.Incoming{in}, PRTs: []evidence.PRT{row}}); err != nil {
			return err
		}
	}
	return f.box.Settle(r.ID, key, f.now())
}

func (f *filer) copy(ctx context.Context, folder material.Folder, r prt.Report) (material.Incoming, error) {
	from, err := f.box.Open(r.ID)
	if err != nil {
		return material.Incoming{}, err
	}
	defer from.Close()
	w, err := folder.Create(r.Path())
	if err != nil {
		return material.Incoming{}, err
	}
	if _, err := io.Copy(w, until{ctx, from}); err != nil {
		w.Abort()
		return material.Incoming{}, err
	}
	in, err := w.Finish()
	if err == nil && (in.SHA256 != r.SHA256 || in.Bytes != r.Bytes) {
		in.Drop()
		err = fmt.Errorf("%s is not what was received: its SHA-256 is another one", r.ID)
	}
	return in, err
}

// until reads until its context is done.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}
