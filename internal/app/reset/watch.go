package reset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
)

const (
	// LookEvery is between two looks at phones that were reset.
	LookEvery = 20 * time.Second
	// BackWithin is how long they are watched.
	BackWithin = 15 * time.Minute
	// remembered is how long status tells of one that is over.
	remembered = 24 * time.Hour
)

// A Record is the resets of an incident, as long as they are watched or told of: resets/<key>.json.
type Record struct {
	Key      string           `json:"key"`
	Incident string           `json:"incident"`
	Site     string           `json:"site"`
	Resets   []evidence.Reset `json:"resets"`
	// Before is when CUCM's record of each device was made that was there before its reset: one that is
	// not newer tells nothing. By CUCM's clock.
	Before map[string]time.Time `json:"before,omitempty"`
}

func folder(st *incident.Store) string { return filepath.Join(st.Dir, "resets") }

func fileOf(st *incident.Store, key string) atomicfile.JSON[Record] {
	return incident.File[Record](st, filepath.Join(folder(st), key+".json"))
}

// change changes a record under its lock, for a command and a watch may do so at once.
func change(st *incident.Store, key string, do func(*Record)) error {
	if err := atomicfile.MkdirAll(folder(st)); err != nil {
		return err
	}
	unlock, err := atomicfile.WaitLock(filepath.Join(folder(st), "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	file := fileOf(st, key)
	r, _, err := file.Load()
	if err != nil {
		return err
	}
	do(&r)
	return file.Save(r)
}

// alone is held while phones are reset: one after another, whoever has them reset.
func alone(st *incident.Store) (unlock func(), err error) {
	if err := atomicfile.MkdirAll(folder(st)); err != nil {
		return nil, err
	}
	unlock, err = atomicfile.WaitLock(filepath.Join(folder(st), "ordering.lock"))
	if err != nil {
		return nil, advice.WithHint(fmt.Errorf("somebody else is resetting phones at this moment: %w", err), "wait until `grab status` shows what became of them; then this again")
	}
	return unlock, nil
}

// watched is an error if a phone was reset and it is not known yet what became of it.
func watched(list []Record, device string, now time.Time) error {
	for _, rec := range list {
		for _, r := range rec.Resets {
			if age := now.Sub(r.At); strings.EqualFold(r.Device, device) && r.Open() && age.Abs() <= BackWithin {
				return advice.WithHint(fmt.Errorf("%s was reset %s ago by %s (incident %s): %s", device, human.Span(max(age, 0).Truncate(time.Second)), r.By, rec.Incident, words(r)),
					"`grab status` tells whether it comes back; --again resets it once more all the same")
			}
		}
	}
	return nil
}

// save puts a reset into the record of its incident.
func save(st *incident.Store, in incident.Incident, r evidence.Reset, before time.Time) error {
	return change(st, in.Key, func(rec *Record) {
		rec.Key, rec.Incident, rec.Site = in.Key, in.ID, in.Site
		if rec.Before == nil {
			rec.Before = map[string]time.Time{}
		}
		rec.Before[r.Device] = before
		rec.put(r)
	})
}

func (rec *Record) put(r evidence.Reset) {
	i := slices.IndexFunc(rec.Resets, func(o evidence.Reset) bool { return o.Device == r.Device && o.At.Equal(r.At) })
	if i < 0 {
		rec.Resets = append(rec.Resets, r)
		return
	}
	rec.Resets[i] = r
}

// Records are all of a store. What cannot be read is left out, and makes an error beside them.
func Records(st *incident.Store) (list []Record, err error) {
	entries, err := os.ReadDir(folder(st))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	errs := []error{err}
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		r, there, err := fileOf(st, key).Load()
		if errs = append(errs, err); there && err == nil {
			list = append(list, r)
		}
	}
	return list, errors.Join(errs...)
}

// A Watcher sees whether phones that were reset come back.
type Watcher struct {
	Store    *incident.Store
	Clusters func(site string) ([]Cluster, error)
	Log      *slog.Logger
	Now      func() time.Time     // nil: time.Now
	Told     func(evidence.Reset) // hears of each that is over; may be nil
}

// Run looks until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		w.Look(ctx)
		t := time.NewTimer(LookEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}

// Look looks once at all that are open, and reports whether any still is.
func (w *Watcher) Look(ctx context.Context) (open bool) {
	list, err := Records(w.Store)
	if err != nil {
		w.Log.Error("some resets cannot be watched: their record cannot be read", "err", err)
	}
	for _, rec := range list {
		if ctx.Err() != nil {
			return true
		}
		open = w.one(ctx, rec) || open
	}
	return open
}

// one looks after the resets of one incident.
func (w *Watcher) one(ctx context.Context, rec Record) (open bool) {
	now := w.now()
	names := map[string][]string{} // by cluster
	for _, r := range rec.Resets {
		if r.Open() {
			names[r.Cluster] = append(names[r.Cluster], r.Device)
		}
	}
	if len(names) == 0 {
		w.forget(rec, now)
		return false
	}
	seen := w.ask(ctx, rec, names)
	rec.Resets = slices.Clone(rec.Resets)
	over, _ := rec.judge(seen, now)
	for _, r := range over { // first: after a crash it is told once more
		if err := w.tell(ctx, rec, r); err != nil {
			w.Log.Error("what became of a reset cannot be written down; retrying", "incident", rec.Incident, "device", r.Device, "err", err)
			return true
		}
	}
	err := change(w.Store, rec.Key, func(r *Record) { _, open = r.judge(seen, now) })
	if err != nil {
		w.Log.Error("what became of a reset cannot be written down; retrying", "incident", rec.Incident, "err", err)
		return true
	}
	return open
}

// judge takes up what was seen, by devices in capital letters, and returns those that are over by it.
func (rec *Record) judge(seen map[string]cucm.Device, now time.Time) (over []evidence.Reset, open bool) {
	for i := range rec.Resets {
		r := &rec.Resets[i]
		if !r.Open() {
			continue
		}
		dev, known := seen[strings.ToUpper(r.Device)]
		if known {
			r.Lines = linesOf(dev)
		}
		up := known && dev.Status == cucm.StatusRegistered && len(dev.Lines) > 0 && allUp(r.Lines)
		switch {
		case up && dev.Since.After(rec.Before[r.Device]): // else the record is of before the reset
			r.State = evidence.ResetBack
		case now.Sub(r.At) > BackWithin:
			r.State = evidence.ResetNotBack
		default:
			open = true
			continue
		}
		ended := now.UTC().Round(0)
		r.Ended = &ended
		over = append(over, *r)
	}
	return over, open
}

// ask is what CUCM knows of the phones now; of a cluster that does not answer nothing.
func (w *Watcher) ask(ctx context.Context, rec Record, names map[string][]string) map[string]cucm.Device {
	seen := map[string]cucm.Device{}
	clusters, err := w.Clusters(rec.Site)
	if err != nil {
		w.Log.Warn("phones that were reset cannot be watched now", "incident", rec.Incident, "err", err)
	}
	for _, c := range clusters {
		if len(names[c.Name()]) == 0 {
			continue
		}
		answer, err := c.Phones(ctx, cucm.Query{Status: cucm.StatusAny, Names: names[c.Name()]})
		if err != nil {
			w.Log.Warn("phones that were reset cannot be watched now", "incident", rec.Incident, "cluster", c.Name(), "err", err)
			continue
		}
		for _, d := range answer.Devices {
			seen[strings.ToUpper(d.Name)] = d
		}
	}
	return seen
}

// tell passes on that a reset is over: to the next revision, the custody, the log.
func (w *Watcher) tell(ctx context.Context, rec Record, r evidence.Reset) error {
	err := material.Of(w.Store, rec.Key).Add(w.now(), material.Change{Resets: []evidence.Reset{r}})
	if err != nil && !errors.Is(err, incident.ErrRemoved) {
		return err
	}
	w.Log.Info("phone that was reset", "device", r.Device, "incident", rec.Incident, "state", r.State)
	in, err := w.Store.Read(rec.Key)
	if err == nil {
		err = record(ctx, in, r, w.now())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Log.Warn("what became of a reset is not in the custody of the bundle", "incident", rec.Incident, "device", r.Device, "err", err)
	}
	if w.Told != nil {
		w.Told(r)
	}
	return nil
}

// forget removes a record of which all is over for long.
func (w *Watcher) forget(rec Record, now time.Time) {
	for _, r := range rec.Resets {
		if r.Ended != nil && now.Sub(*r.Ended) < remembered {
			return
		}
	}
	if err := w.Store.Remove(fileOf(w.Store, rec.Key).Path); err != nil {
		w.Log.Warn("a record of resets cannot be removed", "incident", rec.Incident, "err", err)
	}
}

func (w *Watcher) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}
