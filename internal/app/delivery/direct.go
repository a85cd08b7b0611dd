package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// New has the deliveries of a store that no watch works at.
func New(store *incident.Store, cfg *config.Config) *Dispatcher {
	force := func() *config.Config { return cfg }
	return &Dispatcher{Store: store, Cfg: force, Log: slog.New(slog.DiscardHandler), Reserve: wiring.Reserve(force)}
}

// Opened is the store.
func (d *Dispatcher) Opened() (*incident.Store, error) { return d.Store, nil }

// Read is what waits, as it stands in the store.
func (d *Dispatcher) Read() ([]Delivered, error) {
	jobs, err := wiring.Jobs(d.Store).Waiting()
	list := []Delivered{}
	for _, j := range jobs {
		list = append(list, shown(handover.View{Job: *j}))
	}
	if len(list) > 0 {
		err = nil // what can be read is more than nothing
	}
	return list, err
}

// SetCaseAlone is SetCase without a watch: an incident that one has open is its own to
// change.
func (d *Dispatcher) SetCaseAlone(id, number string) (incident.Incident, error) {
	in, err := d.Store.Load(id)
	if err != nil {
		return in, err
	}
	if in.State != incident.Sealed {
		lock, err := d.Store.LockWatch()
		if errors.Is(err, incident.ErrWatching) {
			err = advice.WithHint(fmt.Errorf("incident %s is open: %w", in.ID, err), "ask it: without --direct, as a user who may use its socket")
		}
		if err != nil {
			return in, err
		}
		defer lock.Release()
	}
	return d.SetCase(id, number, nil)
}

// Alone does something with the deliveries of a store that no watch works at: do runs while
// they do.
func (d *Dispatcher) Alone(ctx context.Context, do func(ctx context.Context) error) error {
	d.init()
	e, err := d.open()
	if errors.Is(err, handover.ErrTaken) {
		return advice.WithHint(err, "it is the grab watch of this store, or another grab send: ask without --direct")
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	d.state.mu.Lock()
	d.state.engine = e
	d.state.mu.Unlock()
	defer d.close(&wg)
	defer cancel()
	d.plan(e, map[string]time.Time{})
	wg.Go(func() { e.Run(ctx) })
	return do(ctx)
}

// SetCase sets the case of an incident that nobody works at; update, which may be nil,
// changes one that the caller has in memory, and reports whether it has.
func (d *Dispatcher) SetCase(id, number string, update func(key string, change func(*incident.Incident)) (bool, error)) (incident.Incident, error) {
	if number != "" && !config.CaseNumber(number) {
		return incident.Incident{}, advice.Usage(fmt.Errorf("%q is not a case number: letters, digits, - and _", evidence.Printable(number, 100)))
	}
	in, err := d.Store.Load(id)
	if err != nil {
		return in, err
	}
	change := func(in *incident.Incident) { in.Case = number }
	if update != nil {
		if did, err := update(in.Key, change); did || err != nil {
			change(&in)
			d.takeUp(in.Key)
			return in, err
		}
	}
	lock, err := d.Store.LockIncident(in.Key)
	if errors.Is(err, incident.ErrBusy) {
		err = advice.WithHint(fmt.Errorf("incident %s: %w", in.ID, err), "try again when it is sealed: `grab list`")
	}
	if err != nil {
		return in, err
	}
	defer lock.Release()
	if in, err = d.Store.Read(in.Key); err != nil {
		return in, err
	}
	change(&in)
	if err := d.Store.Save(in); err != nil {
		return in, err
	}
	d.takeUp(in.Key)
	return in, nil
}

// takeUp has deliveries of an incident tried again that failed: its case is another now.
func (d *Dispatcher) takeUp(key string) {
	if e := d.engine(); e != nil {
		e.Reopen(key)
	}
}

func sum(text string) []byte {
	s := sha256.Sum256([]byte(text))
	return s[:]
}
