// Package fellow is a collector among those of its fleet: what they see of it, what it tells them
// of incidents, and what it does for people who ask elsewhere in the fleet.
//
// It guarantees that a request is carried out only for a site of this collector and only while
// fleet.requests allows it, with the name of who asked in the chain of custody; and that nothing
// but what the rooms below promise leaves the collector. It does not know how a grab is made, nor
// how the hub is reached.
package fellow

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/ask"
	"rtmtgrab/internal/fleet/events"
	"rtmtgrab/internal/fleet/member"
	"rtmtgrab/internal/fleet/sight"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/redact"
)

// Parts are those of the collector that it needs.
type Parts struct {
	Cfg       func() *config.Config // in force
	Store     *incident.Store
	Status    func() status.Report
	Waiting   func() int // messages that wait for the hub beside verdicts; nil: none do
	Unclaimed func(in incident.Incident, rev incident.Revision) bool
	Grab      Grab
	Log       *slog.Logger
}

// Grab makes the grab that is asked for, with the words of j and by its name.
type Grab func(ctx context.Context, q *oneshot.Request, j ask.Job) (*incident.Store, incident.Incident, error)

// A Fellow is safe for concurrent use.
type Fellow struct {
	Parts
	sight     sight.Sight
	server    ask.Server
	box       *events.Box
	publisher *events.Publisher
}

// A Place is a collector's among those of its fleet.
type Place struct {
	*member.Member
	Fellow *Fellow // what they see of it, and have of it
}

// New finds what waits in the store.
func New(p Parts) *Fellow {
	box := events.OpenBox(p.Store.Dir, p.Log)
	f := &Fellow{Parts: p, box: box}
	told := filepath.Join(p.Store.Dir, "notices.json")
	f.sight = sight.Sight{Name: f.name, Self: p.Status, Waiting: f.waiting, CanTell: f.canTell, Log: p.Log,
		Told: func(key string) bool { return channel.WasTold(told, key) }}
	f.server = ask.Server{What: fleet.AskNow, Name: f.name, Sites: f.sites, Refuses: f.refuses, Do: f.now, Log: p.Log}
	f.publisher = events.New(events.Publisher{Store: p.Store, Member: func() (string, bool) { return f.name(), f.names() }, Manifest: bundle.ReadManifest, Unclaimed: p.Unclaimed, Keep: box.Keep, Log: p.Log})
	return f
}

// Astray reports whether this machine's clock is wrong beyond doubt.
func (f *Fellow) Astray() bool { return f.sight.Astray() }

// Workers are what it does by the hub.
func (f *Fellow) Workers() []member.Worker {
	return []member.Worker{
		{Name: "status", Run: f.sight.Run, Stays: true},
		{Name: "verdicts", Run: f.box.Run, Stays: true},
		{Name: "requests", Run: f.server.Run, Stays: true},
	}
}

// Run notes verdicts until ctx ends, hub or no hub.
func (f *Fellow) Run(ctx context.Context) { f.publisher.Run(ctx) }

// Sealed says that something was sealed. It never waits. Nobody listens to a nil one.
func (f *Fellow) Sealed() {
	if f != nil {
		f.publisher.Wake()
	}
}

// Report adds what people are to be told of; nil: nothing.
func (f *Fellow) Report(r *status.Report) {
	if f != nil {
		f.sight.Report(r)
	}
}

// name is the collector's in its fleet; "": it is in none.
func (f *Fellow) name() string {
	if fl := f.Cfg().Fleet; fl != nil {
		return fl.Name
	}
	return ""
}

func (f *Fellow) names() bool {
	fl := f.Cfg().Fleet
	return fl != nil && fl.Names
}

func (f *Fellow) waiting() int {
	n := f.box.Waiting()
	if f.Waiting != nil {
		n += f.Waiting()
	}
	return n
}

// canTell reports whether people are told of problems here.
func (f *Fellow) canTell() bool {
	n := f.Cfg().Notify
	return n != nil && slices.Contains(n.On, "problems")
}

func (f *Fellow) sites() (names []string) {
	cfg := f.Cfg()
	for i := range cfg.Sites {
		names = append(names, cfg.Sites[i].Name)
	}
	return names
}

func (f *Fellow) refuses() string {
	if fl := f.Cfg().Fleet; fl == nil || !fl.Requests {
		return "it takes no requests of its fleet (fleet.requests: false)"
	}
	return ""
}

// now grabs for somebody elsewhere.
func (f *Fellow) now(ctx context.Context, j ask.Job) (any, *ask.Failure) {
	q := &oneshot.Request{}
	d := json.NewDecoder(bytes.NewReader(j.Body))
	d.DisallowUnknownFields() // what is not understood must not be left out
	if err := d.Decode(q); err != nil {
		return nil, &ask.Failure{Message: "it does not understand the request: " + err.Error(), Hint: "bring it and this grab to one version", Exit: advice.BadUsage}
	}
	q.Site = j.Site
	j.By = evidence.Printable(j.By, 80) + ", by the hub"
	store, in, err := f.Grab(ctx, q, j)
	if err != nil {
		return nil, failure(err)
	}
	m, err := oneshot.ManifestOf(store, in)
	if err != nil {
		return nil, failure(err)
	}
	v := fleet.Verdict{Incident: in.ID, Site: in.Site, Collector: f.name(), Coverage: in.Coverage, Window: in.Asked, TimeZone: in.TimeZone}
	if n := len(in.Revisions); n > 0 {
		v = events.Of(f.name(), in, in.Revisions[n-1], &m, f.names())
	}
	return fleet.NewGrabbed(v, m), nil
}

func failure(err error) *ask.Failure {
	return &ask.Failure{Message: redact.Text(err.Error()), Hint: redact.Text(advice.For(err)), Exit: advice.Exit(err)}
}
