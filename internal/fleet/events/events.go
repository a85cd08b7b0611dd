// Package events says to the fleet what became of incidents: of each sealed revision one verdict.
//
// It guarantees that a verdict of each revision that was sealed since the collector joined its
// fleet is put, under an ID that never changes, where it waits for the hub, whatever is killed in
// between: what was sealed is found in the store again. A verdict has no logs, no credentials, no
// person and no text that somebody wrote; phones have names in it only where the tenant allows it.
// What waits in a Box is there until the hub has acknowledged it.
package events

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
)

// A Message is what waits for the hub.
type Message struct {
	ID      string // the same for the same revision
	Subject string
	Body    []byte
}

// A Publisher finds what was sealed and was not told yet. Its Run is one goroutine's.
type Publisher struct {
	Store     *incident.Store
	Member    func() (collector string, names bool) // "": the collector is in no fleet
	Manifest  func(bundle string) (evidence.Manifest, error)
	Unclaimed func(in incident.Incident, rev incident.Revision) bool // it was sealed while no hub could be asked, and nobody has put that together since; nil: none was
	Keep      func(m Message) error                                  // returns when it is safe on disk; the same one may come again
	Log       *slog.Logger

	Every time.Duration // between two looks; zero: 30 s

	wake chan struct{}
	told told
	seen map[string]time.Time // as in incident.Store.Changed
	bad  string
}

// told is what was told, on disk.
type told struct {
	Born time.Time           `json:"born"` // what was sealed before is not told of
	Told map[string]revision `json:"told"` // by key of the incident, the highest
}

// A revision is one that was told.
type revision struct {
	Revision  int  `json:"revision"`
	Unclaimed bool `json:"unclaimed,omitempty"` // it was told as such
}

// File is where it is kept what was told.
func File(store string) string { return filepath.Join(store, "fleet", "events.json") }

// New is a Publisher that can be woken.
func New(t Publisher) *Publisher {
	t.wake = make(chan struct{}, 1)
	return &t
}

// Wake has it look now: something was sealed. It never waits.
func (t *Publisher) Wake() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run tells what was sealed until ctx ends.
func (t *Publisher) Run(ctx context.Context) {
	tick := time.NewTicker(cmp.Or(t.Every, 30*time.Second))
	defer tick.Stop()
	for {
		if err := t.look(); err != nil && err.Error() != t.bad {
			t.bad = err.Error() // once, for it may stay
			t.Log.Warn("cannot tell the fleet of every incident; it is tried again", "err", err)
		} else if err == nil {
			t.bad = ""
		}
		select {
		case <-tick.C:
		case <-t.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (t *Publisher) file() atomicfile.JSON[told] {
	return atomicfile.JSON[told]{Path: File(t.Store.Dir)}
}

// look tells what is new.
func (t *Publisher) look() error {
	collector, names := t.Member()
	if collector == "" {
		t.seen = nil // a collector that joins later begins anew
		return nil
	}
	if t.seen == nil {
		if err := t.begin(); err != nil {
			return err
		}
	}
	list, err := t.Store.Changed(t.seen)
	for _, in := range list {
		changed, errOne := t.tell(in, collector, names)
		if changed {
			errOne = cmp.Or(t.file().Save(t.told), errOne)
		}
		if errOne != nil {
			t.seen[in.Key] = time.Time{} // it is looked at again
			err = cmp.Or(err, errOne)
		}
	}
	for key := range t.told.Told {
		if _, there := t.seen[key]; !there {
			delete(t.told.Told, key)
		}
	}
	return err
}

// begin knows what earlier runs told.
func (t *Publisher) begin() error {
	if err := atomicfile.MkdirAll(filepath.Dir(t.file().Path)); err != nil {
		return err
	}
	state, there, err := t.file().Recover(t.Log)
	if err != nil {
		return err
	}
	if !there || state.Born.IsZero() {
		state.Born = time.Now().UTC()
	}
	if state.Told == nil {
		state.Told = map[string]revision{}
	}
	if err := t.file().Save(state); err != nil {
		return err
	}
	t.told, t.seen = state, map[string]time.Time{}
	return nil
}

// tell puts the verdicts of an incident where they wait for the hub.
func (t *Publisher) tell(in incident.Incident, collector string, names bool) (changed bool, err error) {
	if in.Kind == incident.KindDrill {
		return false, nil // it is removed when it is over
	}
	for _, rev := range in.Revisions {
		was, now := t.told.Told[in.Key], revision{rev.Revision, t.Unclaimed != nil && t.Unclaimed(in, rev)}
		claimed := was.Revision == now.Revision && was.Unclaimed && !now.Unclaimed // since it was told
		if now.Revision <= was.Revision && !claimed || !rev.Sealed.After(t.told.Born) {
			continue
		}
		v := Of(collector, in, rev, t.manifest(in, rev), names)
		v.Unclaimed = now.Unclaimed
		body, err := json.Marshal(v)
		if err != nil {
			return changed, err
		}
		if err := t.Keep(Message{v.ID(), fleet.EventSubject(v.Site), body}); err != nil {
			return changed, fmt.Errorf("verdict of incident %s: %w", in.ID, err)
		}
		t.told.Told[in.Key], changed = now, true
	}
	return changed, nil
}

// manifest is that of a revision; nil: its bundle is gone or cannot be read.
func (t *Publisher) manifest(in incident.Incident, rev incident.Revision) *evidence.Manifest {
	m, err := t.Manifest(rev.Bundle)
	if err != nil || m.Incident != in.ID {
		return nil
	}
	return &m
}

// Of is the verdict of a sealed revision. m is its manifest; nil: what the incident's own record
// says is all that is known. names: phones may be named.
func Of(collector string, in incident.Incident, rev incident.Revision, m *evidence.Manifest, names bool) fleet.Verdict {
	v := fleet.Verdict{Incident: in.ID, Site: in.Site, Collector: collector, Kind: string(in.Kind), Revision: rev.Revision, Window: in.Asked, Sealed: rev.Sealed,
		Coverage: rev.Coverage, Bundle: rev.Bundle, At: in.Alerted(), TimeZone: in.TimeZone, HandTo: rev.HandTo, Counts: map[string]int{}}
	if v.At.IsZero() {
		v.At = in.Asked.Until
	}
	if in.Out != "" { // a folder that somebody chose, who may be named in it
		v.Bundle = filepath.Base(rev.Bundle)
	}
	brief := rev.Brief
	if brief == nil && m != nil {
		b := incident.BriefOf(*m, 0)
		brief = &b
	}
	if brief != nil {
		v.Verdict, v.Phones, v.Bytes = brief.Verdict, len(brief.Phones)+brief.More, brief.Bytes
		for _, p := range brief.Phones {
			v.Counts[p.Verdict]++
			if names {
				v.Names = append(v.Names, p.Device)
			}
		}
	}
	if m != nil && m.Registration != nil {
		tellGroups(&v, m.Registration.Groups)
	}
	v.Bound()
	return v
}

// tellGroups adds what happened, the worst first: the cause of that, and how many phones came to
// which verdict.
func tellGroups(v *fleet.Verdict, groups []evidence.RegistrationGroup) {
	if len(groups) == 0 {
		return
	}
	v.Cause = groups[0].Cause
	counts := map[string]int{}
	for _, g := range groups {
		counts[g.Verdict] += len(g.Devices) + max(g.More, 0)
	}
	v.Counts = counts
}
