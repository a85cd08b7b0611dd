// Package retention is what a person does about what the store keeps: pinning an incident, so
// that it is never removed, and seeing what is left of one that was.
//
// A pin holds from the moment at which it is reported, beside a running watch too, and each is
// written into the custody of the incident's bundles, or a note says why not. What removes
// incidents is package runner.
package retention

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// A PinAsk is what `grab pin` asks for, of a running watch too.
type PinAsk struct {
	Incident string `json:"incident"` // its ID
	Reason   string `json:"reason,omitempty"`
	Off      bool   `json:"off,omitempty"`
}

// Pinned is what came of it.
type Pinned struct {
	Incident string    `json:"incident"`
	Site     string    `json:"site"`
	Pinned   bool      `json:"pinned"`
	Changed  bool      `json:"changed"` // it was not so before
	Since    time.Time `json:"since,omitzero"`
	By       string    `json:"by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Notes    []string  `json:"notes"` // what went wrong that is no failure
}

// maxReason bounds what is kept of a reason.
const maxReason = 300

// Pin pins an incident, or ends that.
func Pin(ctx context.Context, store *incident.Store, q PinAsk, by string, now time.Time) (Pinned, error) {
	p := Pinned{Pinned: !q.Off, Notes: []string{}}
	if q.Off && q.Reason != "" {
		return p, advice.Usage(errors.New("--reason and --off do not go together"))
	}
	in, err := store.Load(q.Incident)
	if err != nil {
		return p, hinted(err, store)
	}
	p.Incident, p.Site = in.ID, in.Site
	act := custody.Unpinned
	if q.Off {
		p.Changed, err = incident.Unpin(store, in.Key)
	} else {
		act = custody.Pinned
		p.Since, p.By, p.Reason = now.UTC().Round(0), by, evidence.Printable(q.Reason, maxReason)
		p.Changed = !incident.IsPinned(store, in.Key)
		err = incident.SetPin(store, in.Key, incident.Pin{Time: p.Since, By: p.By, Reason: p.Reason})
	}
	if err != nil {
		return p, hinted(fmt.Errorf("pin %s: %w", in.ID, err), store)
	}
	if p.Changed || !q.Off {
		p.Notes = append(p.Notes, record(ctx, store, in, custody.Entry{Time: now, Act: act, Later: &custody.Later{By: by, Why: p.Reason}})...)
	}
	return p, nil
}

// hinted is an error with what to do about it.
func hinted(err error, store *incident.Store) error {
	switch {
	case errors.Is(err, incident.ErrRemoved):
		return err
	case errors.Is(err, incident.ErrNotFound):
		return advice.WithHint(err, "`grab list` has the incidents; @last is the newest")
	case errors.Is(err, fs.ErrPermission):
		return advice.WithHint(err, "run this as the owner of "+store.Dir+", or as a member of socket.group while grab watch runs")
	}
	return err
}

// record writes into the custody of the bundles in the store what was done, and returns what
// kept it from being written.
func record(ctx context.Context, store *incident.Store, in incident.Incident, e custody.Entry) (notes []string) {
	for _, b := range incident.OwnBundles(store, in) {
		name, head, err := bundle.ChainOf(ctx, b.Path)
		if err == nil {
			e.Later.File = filepath.Base(b.Path)
			err = custody.LedgerOf(store.Dir).Append(name, head, e)
		}
		if err != nil {
			notes = append(notes, "not recorded in the custody of "+filepath.Base(b.Path)+": "+err.Error())
		}
	}
	return notes
}

// Line says what came of it.
func (p Pinned) Line() string {
	switch {
	case p.Pinned && p.Changed:
		return p.Incident + " is pinned: neither keep.age nor keep.size nor keep.free removes it"
	case p.Pinned:
		return p.Incident + " was pinned already; it has the new reason"
	case p.Changed:
		return p.Incident + " is not pinned any more: it is removed when its time has come"
	}
	return p.Incident + " was not pinned"
}
