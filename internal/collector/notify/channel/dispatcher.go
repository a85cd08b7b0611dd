package channel

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

const lookEvery = 10 * time.Second

// A Dispatcher sends what changes to all its channels at once, each of which has a queue
// and a pace of its own.
type Dispatcher struct {
	Boxes    []*Outbox
	Tracker  *Tracker                // nil: problems are not told
	Problems func() []status.Problem // at this moment
	Every    time.Duration           // between two looks at them; zero: 10 s
	Log      *slog.Logger

	Mask Masking // of what goes to the channels

	stuck bool // it was said that notices cannot be kept
}

// Open reads what earlier runs left. It is called before anything else.
func (d *Dispatcher) Open() error {
	var errs []error
	for _, b := range d.Boxes {
		b.Mask = d.Mask
		errs = append(errs, b.Open())
	}
	if d.Tracker != nil {
		d.Tracker.Log = cmp.Or(d.Tracker.Log, d.Log)
		errs = append(errs, d.Tracker.Load())
	}
	return errors.Join(errs...)
}

// Run delivers notices and looks for changes until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, b := range d.Boxes {
		wg.Go(func() { b.Deliver(ctx) })
	}
	t := time.NewTicker(cmp.Or(d.Every, lookEvery))
	defer t.Stop()
	for {
		if d.Tracker != nil {
			d.checkProblems()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// checkProblems tells what changed. What cannot be kept on disk is told at the next look.
func (d *Dispatcher) checkProblems() {
	changes := d.Tracker.Look(time.Now(), d.Problems())
	var err error
	if len(changes) > 0 {
		err = d.enqueue(Problems(time.Now(), changes))
	}
	if err == nil {
		err = d.Tracker.Save()
	}
	if err != nil {
		d.Tracker.Revert()
	}
	if err != nil && !d.stuck {
		d.Log.Error("cannot save notifications; retrying", "err", err)
	}
	d.stuck = err != nil
	if err == nil && len(changes) > 0 {
		d.Log.Info("notification", "changes", len(changes), "first", changes[0].Key, "event", changes[0].Event)
		d.wake()
	}
}

// Notify keeps a notice for every channel and lets them deliver it.
func (d *Dispatcher) Notify(n Notice) error {
	defer d.wake()
	return d.enqueue(n)
}

// enqueue keeps a notice for every channel. An error is that none could keep it: it is to come again.
func (d *Dispatcher) enqueue(n Notice) error {
	n, err := d.Mask.of(n, "")
	if err != nil {
		return err
	}
	var errs []error
	for _, b := range d.Boxes {
		errs = append(errs, b.Add(n))
	}
	if !slices.Contains(errs, nil) {
		return errors.Join(errs...)
	}
	for i, err := range errs { // some channel has it: told again by all it would come to that one twice
		if err != nil {
			d.Boxes[i].hold(n, err)
		}
	}
	return nil
}

func (d *Dispatcher) wake() {
	for _, b := range d.Boxes {
		b.Wake()
	}
}

// Report adds dead channels, as problems, to a report.
func (d *Dispatcher) Report(r *status.Report) {
	for _, b := range d.Boxes {
		b.Report(r)
	}
}

// Try sends a notice by every channel, without a queue and once, and returns how
// each ended.
func (d *Dispatcher) Try(ctx context.Context, n Notice) map[string]error {
	errs := make([]error, len(d.Boxes))
	var wg sync.WaitGroup
	for i, b := range d.Boxes {
		wg.Go(func() { errs[i] = b.attempt(ctx, n) })
	}
	wg.Wait()
	out := map[string]error{}
	for i, b := range d.Boxes {
		out[b.Name] = errs[i]
	}
	return out
}

// Names are those of the channels.
func (d *Dispatcher) Names() []string {
	var names []string
	for _, b := range d.Boxes {
		names = append(names, b.Name)
	}
	return names
}
