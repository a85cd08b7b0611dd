// Package alerts brings alerts from the collector that sees them to those that reach their
// site, and takes those that others have seen.
//
// It guarantees that an alert leaves only when it is safe on disk here, and that the hub is told
// of one that came only when it is safe in the journal: each arrives at least once, and its ID
// tells what is known. Nothing here waits for the hub but its own workers. What came that cannot
// be an alert is kept aside, and ends there. It does not know what an alert starts.
package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/directory"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/member"
	"rtmtgrab/internal/fleet/outbox"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/triage"
)

// reviewEvery is the least time between two looks at alerts that could not be sent.
const reviewEvery = time.Second

// An Exchange is safe for concurrent use.
type Exchange struct {
	Directory *directory.Directory
	Outbox    *outbox.Outbox
	place     func() (p Place, member bool)
	journal   *triage.Journal
	in        *incoming.Intake
	log       *slog.Logger
	again     chan struct{} // alerts that could not be sent may be now
	refused   refused

	mu   sync.Mutex
	deaf map[string]Deaf // sites of which nothing is heard
	by   []*lags         // by what alerts are heard
}

// A Place is what the collector is in its fleet, by the configuration in force.
type Place struct {
	Name   string          // the collector's
	Sites  []incident.Site // that it reaches
	MaxAge time.Duration   // see incident.Policy
	Lends  *fleet.Lends    // nil: it lends nothing
}

// ErrNoFleet says that the configuration in force has no fleet.
var ErrNoFleet = errors.New("the configuration has no fleet any more")

// Deaf is a site whose alerts cannot be heard from others.
type Deaf struct {
	Site  string
	Err   error
	Since time.Time
}

// Open opens what waits in a store, and lets the journal send alerts to others.
func Open(st *incident.Store, place func() (p Place, member bool), journal *triage.Journal, in *incoming.Intake, log *slog.Logger) (x *Exchange, err error) {
	x = &Exchange{place: place, journal: journal, in: in, log: log, again: make(chan struct{}, 1), refused: refused{st: st, log: log}, deaf: map[string]Deaf{}}
	if x.Directory, err = directory.Open(st, log); err != nil {
		return nil, err
	}
	if x.Outbox, err = outbox.Open(st, log); err != nil {
		return nil, err
	}
	x.Directory.Changed, x.Outbox.Room = x.lookAgain, x.lookAgain
	triage.JoinFleet(journal, x)
	return x, nil
}

// Workers are what it does by a hub.
func (x *Exchange) Workers() []member.Worker {
	return []member.Worker{
		{Name: "directory", Run: x.list},
		{Name: "outbox", Run: x.Outbox.Run, Stays: true},
		{Name: "alerts of others", Run: x.listen},
		{Name: "alerts not sent yet", Run: x.review, Stays: true},
	}
}

// list says which sites this collector reaches, and hears of others.
func (x *Exchange) list(ctx context.Context, h *hub.Hub) error {
	p, member := x.place()
	if !member {
		return ErrNoFleet
	}
	var own []fleet.Entry
	for _, s := range p.Sites {
		own = append(own, fleet.Entry{Site: s.Name, Collector: p.Name, Clusters: s.Clusters, Nodes: s.Nodes, Lends: p.Lends})
	}
	return x.Directory.Run(ctx, h, p.Name, own)
}

// Route, Letter and Posted are what the journal asks, see triage.Fleet.

func (x *Exchange) Route(a evidence.Alert, own []string, meant incident.Meant) (to []string, instead bool) {
	p, member := x.place()
	if !member {
		return nil, false
	}
	all := make([]string, len(p.Sites))
	for i := range p.Sites {
		all[i] = p.Sites[i].Name
	}
	return x.Directory.Route(a, directory.Own{Collector: p.Name, Sites: all, Of: own, Meant: meant})
}

func (x *Exchange) Letter(rec incident.AlertRecord, site string, raw []byte, cut bool) (name string, contents []byte, err error) {
	p, member := x.place()
	if !member {
		return "", nil, triage.ErrNoRoom
	}
	a := fleet.Alert{Alert: rec.Alert, Site: site, From: p.Name, Seen: rec.Seen, Sender: rec.Sender}
	name, contents, err = x.Outbox.Letter(a, raw, cut)
	if errors.Is(err, outbox.ErrFull) {
		err = fmt.Errorf("%w: %w", triage.ErrNoRoom, err)
	}
	return name, contents, err
}

func (x *Exchange) Posted() { x.Outbox.Posted() }

func (x *Exchange) lookAgain() {
	select {
	case x.again <- struct{}{}:
	default:
	}
}

// review looks again at alerts that could not be sent whenever that may have changed.
func (x *Exchange) review(ctx context.Context, _ *hub.Hub) error {
	tick := time.NewTicker(reviewEvery)
	defer tick.Stop()
	for {
		if _, err := triage.Forward(ctx, x.journal); err != nil {
			return err
		}
		select {
		case <-tick.C: // not with each of many changes
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-x.again:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// State is how it stands.
type State struct {
	outbox.State
	Unsent  int       // alerts in the journal for which there was no room
	Refused int       // messages that could be no alerts, since the start
	Last    time.Time // of those
	Deaf    []Deaf
	Behind  []Behind
}

// State says how it stands now.
func (x *Exchange) State() State {
	s := State{State: x.Outbox.State(), Unsent: triage.Unsent(x.journal)}
	s.Refused, s.Last = x.refused.count()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range x.deaf {
		s.Deaf = append(s.Deaf, d)
	}
	for _, l := range x.by {
		if b, is := l.behind(); is {
			s.Behind = append(s.Behind, b)
		}
	}
	return s
}
