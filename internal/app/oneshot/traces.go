package oneshot

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm/gather"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/wiring"
)

// tracesWithin is how long CUCM's traces are waited for after they are due: the file that has the
// window's end may still be written, and is looked at again.
const tracesWithin = 5 * time.Minute

// A tracing is what gets names and traces from CUCM for a grab that no collector makes; the zero
// tracing gets nothing.
type tracing struct {
	store    *incident.Store
	e        *Effort
	gatherer *gather.Gatherer
	settle   time.Duration // of the slowest cluster; below 0: none has traces to be fetched
}

// tracing has what CUCM knows gathered beside the grab, unless a collector does it: names, and if they are
// wanted traces.
func (g *Grab) tracing(store *incident.Store, e *Effort, traces bool) tracing {
	if e.Beside.Begin != nil || g.cfg == nil || len(g.cfg.CUCM) == 0 {
		return tracing{}
	}
	log := e.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	clusters := &wiring.Clusters{Cfg: func() *config.Config { return g.cfg }, Log: log}
	t := tracing{store: store, e: e, gatherer: wiring.NewGatherer(store, clusters, g.reserve, log), settle: -1}
	if !traces {
		t.gatherer.Site = func(name string) gather.Site { return clusters.Site(name).NamesAlone() }
	}
	for _, entry := range t.gatherer.Site(g.site.Name).Entries {
		if entry.Traces {
			t.settle = max(t.settle, entry.Settle)
		}
	}
	t.gatherer.Looked = func(_ string, row evidence.CUCMNode, again time.Duration) { e.Say("%s", looked(row, again)) }
	e.Beside = wiring.Beside(t.gatherer)
	return t
}

// looked is what a look at a node's traces brought, in a line.
func looked(row evidence.CUCMNode, again time.Duration) string {
	var bytes int64
	for _, f := range row.Files {
		bytes += f.Bytes
	}
	text := fmt.Sprintf("CUCM's traces of %s: %s, %s", row.Node, row.Coverage, human.Size(bytes))
	if row.Error != "" {
		text += ": " + row.Error
	}
	if again > 0 {
		text += "; looking again in " + human.Span(again)
	}
	return text
}

func (t tracing) close() {
	if t.gatherer != nil {
		t.gatherer.Close()
	}
}

// further waits for the traces when the bundle is sealed, and makes a further revision with them.
// Whoever stops it has the bundle as it is; what came until then a running watch adds, or
// Retry.
func (t tracing) further(ctx context.Context, r *runner.Runner, in incident.Incident) (incident.Incident, error) {
	if t.gatherer == nil || t.settle < 0 || in.State != incident.Sealed || t.stopped() {
		return in, nil
	}
	if over := t.gatherer.Over(in.Key); over != nil {
		t.e.Say("sealed: %s", in.Bundle)
		t.e.Say("waiting for CUCM's traces, for up to %s; Ctrl-C leaves the bundle as it is, --no-traces does not wait", human.Span(t.settle+tracesWithin))
		limit := time.NewTimer(t.settle + tracesWithin)
		defer limit.Stop()
		select {
		case <-over:
		case <-limit.C:
		case <-t.e.Stop:
		case <-ctx.Done():
		}
	}
	t.gatherer.Close() // nothing is added while it is sealed
	if ctx.Err() != nil || t.stopped() {
		t.left(in)
		return in, nil
	}
	next, err := r.Further(ctx, in.Key)
	if err != nil {
		t.e.Say("the traces are not in the bundle yet: %v", err)
		next = in
	}
	if next.Revision == in.Revision {
		t.left(in)
	}
	return next, nil
}

// left says how what came is added.
func (t tracing) left(in incident.Incident) {
	if _, queued := material.QueuedOf(t.store, in.Key); queued {
		t.e.Say("what came of CUCM is kept: `grab retry %s` adds it, or grab watch does", in.ID)
	}
}

func (t tracing) stopped() bool {
	select {
	case <-t.e.Stop: // nil: never
		return true
	default:
		return false
	}
}
