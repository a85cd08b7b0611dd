package registration

import (
	"context"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/cucmlog"
	"rtmtgrab/internal/registration/hear"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// A Source is one log of one peer, or of several where a syslog server wrote it. It is
// what reading takes, so the type is of package logs.
type Source = logs.Source

// A TraceSource is one log of a CUCM node.
type TraceSource = cucmlog.Source

// Kinds of a TraceSource.
const (
	TraceSDL         = cucmlog.SDL
	TraceApplication = cucmlog.Application
)

// Options say what is known beside the logs. The zero value knows nothing.
type Options struct {
	Window      evidence.Window // that the logs were asked for; empty: not known, then no coverage is
	Alerts      []evidence.Alert
	PhonesNamed []string             // devices, MACs or numbers that somebody asked for
	Before      []evidence.PastPhone // phones that earlier bundles of the site show without all their lines
	// What CUCM itself says: the traces of its nodes, and its answers about phones when it
	// was asked. None: only what the Expressways' logs show counts.
	Traces []TraceSource
	Names  []evidence.ClusterPhones
	Taken  Taken
	// Grace is how long CUCM waits beyond Expires; zero: an eighth of Expires, which is
	// 15 s of 120 s.
	Grace     time.Duration
	PhonePage string   // CUCM's page of phones, for the advice; empty: not known
	Peers     []string // Expressways that the logs name and nobody configured
	// Hops is how many messages are shown one by one, those of affected phones first;
	// zero: 100,000.
	Hops int
}

// Analyze reads the sources, two at a time, and says how the phones registered. The
// order of the sources, and of records up to 5 s, does not matter. A source that
// cannot be read is said in the notes; the error is that of ctx.
//
// Each step returns a value that the next ones take and do not change: logs, what their
// messages show together, phones with their history, a ruling on each, what CUCM itself says,
// and the words for it.
func Analyze(ctx context.Context, sources []Source, o Options) (*Report, error) {
	if o.Hops == 0 {
		o.Hops = 100_000
	}
	named := slices.Clone(o.PhonesNamed)
	for _, a := range o.Alerts {
		named = append(named, a.Devices...)
	}
	l, msgs, err := logs.Read(ctx, sources, o.Window, o.Peers, named)
	if err != nil {
		return nil, err
	}

	records, err := cucmlog.Read(ctx, o.Traces)
	if err != nil {
		return nil, err
	}
	w := wire.New(l, msgs, hear.Witness(l.Texts, records))
	h := hear.Join(w, records, o.Names)
	h.Teach()
	phones := phone.List(w, phone.Known{Alerts: o.Alerts, Named: o.PhonesNamed, Grace: o.Grace, Name: h.Name})
	phones, outside := phone.Apart(w, phones)
	rulings, stories := make([]*judge.Ruling, len(phones)), make([]*hear.Story, len(phones))
	for i, p := range phones {
		stories[i] = h.Of(p, judge.Rule(w, p))
		rulings[i] = stories[i].Ruling
	}
	r := write(o, h, w, phones, rulings, stories)
	r.Notes = append(r.Notes, outsideNotes(w, outside)...)
	return r, nil
}
