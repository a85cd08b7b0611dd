package delivery

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// An Ask is what a person wants done with a delivery.
type Ask struct {
	Incident string        `json:"incident,omitempty"` // the newest revision of it
	File     string        `json:"file,omitempty"`     // or a bundle, absolute
	To       string        `json:"to"`
	Case     string        `json:"case,omitempty"`
	Drop     bool          `json:"drop,omitempty"`    // give it up
	Wait     time.Duration `json:"wait_ns,omitempty"` // how long without getting further; zero: DefaultWait
}

// Mean has it be about what a person names: a file, or an incident.
func (q *Ask) Mean(name string) error {
	q.Incident = name
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	q.Incident = ""
	q.File, err = filepath.Abs(name)
	return err
}

// DefaultWait is how long a delivery by hand is waited for that comes no further.
const DefaultWait = 5 * time.Minute

// A Delivered is how a delivery stands, as JSON.
type Delivered struct {
	Incident string    `json:"incident"`
	Revision int       `json:"revision"`
	To       string    `json:"to"`
	State    string    `json:"state"`
	Place    string    `json:"place,omitempty"`
	Verified string    `json:"verified,omitempty"` // by sha256, size or status
	File     string    `json:"file,omitempty"`     // its name there
	Bytes    int64     `json:"bytes,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`
	Attempts int       `json:"attempts"`
	Due      time.Time `json:"due,omitzero"` // not before
	Ended    time.Time `json:"ended,omitzero"`
	Cause    string    `json:"cause,omitempty"`
	Error    string    `json:"error,omitempty"`
	By       string    `json:"by,omitempty"`
}

func shown(v handover.View) Delivered {
	d := Delivered{Incident: v.Incident, Revision: v.Revision, To: v.Sink, State: string(v.State), Place: v.Place, Verified: v.Verified, Due: v.Due, Ended: v.Ended, Cause: v.Cause, Error: v.Error, By: v.By}
	if n := len(v.Attempts); n > 0 {
		d.Attempts = v.Attempts[n-1].N
	}
	if v.Artefact != nil {
		d.File, d.Bytes, d.SHA256 = v.Artefact.Name, v.Artefact.Size, v.Artefact.SHA256
	}
	if d.Error == "" && !v.State.Final() {
		d.Error = v.Why
	}
	return d
}

// Do does what somebody asks, and waits until a delivery has come to its end or comes no
// further; say hears how far it is. What is not at its end then goes on by itself.
func (d *Dispatcher) Do(ctx context.Context, q Ask, by string, say func(format string, args ...any)) (Delivered, error) {
	e := d.engine()
	if e == nil {
		return Delivered{}, advice.Usage(advice.WithHint(errors.New("nothing can be handed over: no destination is configured"), "add handover: to the configuration; docs/handover.md"))
	}
	to := d.Cfg().Destination(q.To)
	if q.Drop {
		return d.drop(ctx, e, q, by)
	}
	switch {
	case q.To == "":
		return Delivered{}, advice.Usage(advice.WithHint(errors.New("missing --to"), "name a destination of handover: "+names(d.Cfg())))
	case to == nil:
		return Delivered{}, advice.Usage(advice.WithHint(fmt.Errorf("--to: no destination %s is configured", evidence.Printable(q.To, 100)), "handover: in the configuration has "+names(d.Cfg())))
	case q.Case != "" && !config.CaseNumber(q.Case):
		return Delivered{}, advice.Usage(fmt.Errorf("--case: %q is not a case number: letters, digits, - and _", q.Case))
	}
	f, err := d.meant(q)
	if err != nil {
		return Delivered{}, err
	}
	name := ""
	queue := func() (err error) { name, err = e.Send(f, to.Name, by, q.Case); return err }
	if strings.HasPrefix(f.Key, fileKey) {
		err = queue()
	} else { // from then on it is not removed
		err = incident.WhileKept(d.Store, f.Key, queue)
	}
	if err != nil {
		return Delivered{}, err
	}
	return d.follow(ctx, e, name, cmp.Or(q.Wait, DefaultWait), say)
}

// Names are those of the destinations.
func Names(cfg *config.Config) (all []string) {
	for i := range cfg.Handover {
		all = append(all, cfg.Handover[i].Name)
	}
	return all
}

func names(cfg *config.Config) string { return strings.Join(Names(cfg), ", ") }

// meant is the revision that is to be sent.
func (d *Dispatcher) meant(q Ask) (handover.Finished, error) {
	if q.File != "" {
		return d.file(q.File)
	}
	in, err := d.Store.Load(q.Incident)
	if err != nil {
		return handover.Finished{}, err
	}
	if len(in.Revisions) == 0 {
		return handover.Finished{}, advice.WithHint(fmt.Errorf("incident %s has no bundle yet, it is %s", in.ID, in.State), "`grab show "+in.ID+"` shows what was copied so far; if nothing works at it any more `grab retry "+in.ID+"` brings it to its end")
	}
	return finished(in, in.Revisions[len(in.Revisions)-1]), nil
}

// file is a bundle's file: that of a revision of the store, or one that stands for itself.
func (d *Dispatcher) file(path string) (handover.Finished, error) {
	m, err := bundle.ReadManifest(path)
	if err != nil {
		return handover.Finished{}, err
	}
	if in, err := d.Store.Load(m.Incident); err == nil {
		for _, rev := range in.Revisions {
			if sameFile(rev.Bundle, path) {
				return finished(in, rev), nil
			}
		}
	}
	_, head, err := bundle.ChainOf(context.Background(), path)
	if err != nil {
		return handover.Finished{}, err
	}
	return handover.Finished{Key: keyOfFile(path, head), Incident: m.Incident, Site: m.Site, Bundle: path, Revision: m.Revision, Sealed: m.Timing.Sealed}, nil
}

// sameFile reports whether two names lead to one file: the store may be reached by a link too.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// fileKey is how the key of a file begins that is of no incident of the store.
const fileKey = "file-"

// keyOfFile stands for an incident where there is none: the same file has the same.
func keyOfFile(path string, head custody.Head) string {
	return fileKey + hex.EncodeToString(sum(path + "\n" + head.Hash))[:16]
}

// drop gives up a delivery.
func (d *Dispatcher) drop(ctx context.Context, e *handover.Engine, q Ask, by string) (Delivered, error) {
	key := q.Incident
	if q.File != "" {
		f, err := d.file(q.File)
		if err != nil {
			return Delivered{}, err
		}
		key = f.Key
	} else if in, err := d.Store.Load(q.Incident); err == nil {
		key = in.Key
	}
	list := slices.DeleteFunc(e.Jobs(), func(v handover.View) bool {
		return v.Key != key && v.Incident != q.Incident || q.To != "" && !strings.EqualFold(v.Sink, q.To)
	})
	switch {
	case len(list) == 0:
		return Delivered{}, advice.WithHint(fmt.Errorf("%s: %w", cmp.Or(q.Incident, q.File), handover.ErrNoJob), "`grab send --list` shows what waits")
	case q.To == "" && !sameSink(list):
		return Delivered{}, advice.Usage(errors.New("missing --to: deliveries to several destinations wait"))
	}
	var last handover.View
	for _, v := range list {
		if err := e.Drop(v.Name(), by); err != nil {
			return Delivered{}, err
		}
		last = d.dropped(ctx, e, v)
	}
	return shown(last), nil
}

// breakOff is how long is waited for an attempt that was broken off to end.
const breakOff = 10 * time.Second

// dropped is what has become of a delivery that is given up: an attempt under way ends first,
// and may have come through.
func (d *Dispatcher) dropped(ctx context.Context, e *handover.Engine, v handover.View) handover.View {
	ctx, cancel := context.WithTimeout(ctx, breakOff)
	defer cancel()
	for {
		heard := d.heard()
		if now, ok := e.Look(v.Name()); ok {
			v = now
		}
		if v.State.Final() || ctx.Err() != nil {
			return v
		}
		select {
		case <-heard:
		case <-ctx.Done():
		}
	}
}

// Withdraw gives up what waits of an incident that is to be removed. begun: something of it is under way.
func (d *Dispatcher) Withdraw(key, why string) (begun bool) {
	e := d.engine()
	return e != nil && handover.Withdraw(e, key, why)
}

func sameSink(list []handover.View) bool {
	return !slices.ContainsFunc(list, func(v handover.View) bool { return !strings.EqualFold(v.Sink, list[0].Sink) })
}

// sayEvery is how often it is said how far a delivery is.
const sayEvery = 2 * time.Second

// follow waits for a delivery.
func (d *Dispatcher) follow(ctx context.Context, e *handover.Engine, name string, patience time.Duration, say func(format string, args ...any)) (Delivered, error) {
	tick := time.NewTicker(sayEvery)
	defer tick.Stop()
	w := &waiting{say: say, further: time.Now()}
	for {
		heard := d.heard()
		v, ok := e.Look(name)
		if !ok {
			return Delivered{}, fmt.Errorf("delivery %s: %w", name, handover.ErrNoJob)
		}
		w.look(v)
		switch {
		case v.State == handover.Done:
			return shown(v), nil
		case v.State.Final():
			return shown(v), fmt.Errorf("%s to %s: %s: %s", v.Incident, v.Sink, v.State, v.Error)
		case v.State == handover.Failed && !v.Busy:
			return shown(v), advice.WithHint(fmt.Errorf("%s to %s: %s: %s", v.Incident, v.Sink, v.Cause, v.Error), d.hint(v))
		case time.Since(w.further) > patience:
			return shown(v), advice.WithHint(notYet(v), d.hint(v))
		}
		select {
		case <-ctx.Done():
			return shown(v), advice.WithHint(fmt.Errorf("%s to %s: not waiting any longer; it is %s", v.Incident, v.Sink, v.State), "it goes on by itself while grab watch runs: `grab send --list`")
		case <-heard:
		case <-tick.C:
		}
	}
}

func notYet(v handover.View) error {
	return fmt.Errorf("%s to %s: not delivered yet: %s", v.Incident, v.Sink, cmp.Or(v.Error, v.Why, string(v.State)))
}

func (d *Dispatcher) hint(v handover.View) string {
	kind := ""
	if to := d.Cfg().Destination(v.Sink); to != nil {
		kind = to.Sink()
	}
	return Hint(kind, sink.Cause(v.Cause))
}

// waiting is what was said to who waits.
type waiting struct {
	say     func(format string, args ...any)
	state   string
	moved   int64
	further time.Time // when it came further last
}

func (w *waiting) look(v handover.View) {
	now := fmt.Sprint(v.State, v.Busy, len(v.Attempts), v.Error)
	if v.Moved != w.moved {
		w.further = time.Now()
	}
	switch {
	case now != w.state && v.State == handover.Running:
		w.say("sending to %s: %s, %s", v.Sink, v.Artefact.Name, human.Size(v.Artefact.Size))
	case now != w.state && v.Busy && v.State == handover.Queued:
		w.say("preparing for %s", v.Sink)
	case now != w.state && v.Error != "" && !v.State.Final() && v.State != handover.Failed:
		w.say("%s: %s: %s; it is tried again", v.Sink, v.Cause, v.Error)
	case v.Moved != w.moved && v.Artefact != nil && v.Artefact.Size > 0:
		w.say("sending to %s: %d %%", v.Sink, min(100, 100*v.Moved/v.Artefact.Size))
	}
	w.state, w.moved = now, v.Moved
}

// Queue is what waits, the oldest first.
func (d *Dispatcher) Queue() []Delivered {
	list := []Delivered{}
	if e := d.engine(); e != nil {
		for _, v := range e.Jobs() {
			list = append(list, shown(v))
		}
	}
	return list
}

// Outcome is what became of the delivery of a revision, by destination.
type Outcome struct {
	To, State, Place, Error string
}

// Outcomes are what became of all that an incident's newest revision was to be delivered
// to; settled: none of them waits any more.
func (d *Dispatcher) Outcomes(in incident.Incident) (list []Outcome, settled bool) {
	settled = true
	if len(in.Revisions) == 0 {
		return nil, true
	}
	rev := in.Revisions[len(in.Revisions)-1]
	for _, to := range rev.HandTo {
		name := handover.Name(in.Key, rev.Revision, to)
		o := Outcome{To: to, State: string(handover.Queued)}
		var v handover.View
		ok := false
		if e := d.engine(); e != nil {
			v, ok = e.Look(name)
		} else {
			v.Job, ok, _ = wiring.Jobs(d.Store).Ended(name)
		}
		if ok {
			o.State, o.Place, o.Error = string(v.State), v.Place, v.Error
		}
		settled = settled && ok && (v.State.Final() || v.State == handover.Failed)
		list = append(list, o)
	}
	return list, settled
}

// Report is how it stands with every destination, and why nothing is delivered at all.
func (d *Dispatcher) Report() ([]handover.Summary, error) {
	d.state.mu.Lock()
	e, err := d.state.engine, d.state.err
	d.state.mu.Unlock()
	if e == nil {
		return nil, err
	}
	return e.Report(), nil
}
