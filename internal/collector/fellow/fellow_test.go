package fellow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/ask"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// collector is one of the site hq, whose grabs are what grab says.
func collector(t *testing.T, grab Grab) (*Fellow, *config.Config) {
	cfg := &config.Config{Fleet: &fleetconf.Fleet{Name: "dmz-a", Requests: true}, Sites: []config.Site{{Name: "hq"}, {Name: "far"}}}
	return New(Parts{Cfg: func() *config.Config { return cfg }, Store: incidenttest.Store(t, t.TempDir()), Status: func() status.Report { return status.Report{} }, Grab: grab, Log: slog.New(slog.DiscardHandler)}), cfg
}

// TestRequest: a grab for somebody elsewhere is of the site that was asked for, by his name, and what
// is not understood is refused.
func TestRequest(t *testing.T) {
	var asked *oneshot.Request
	var by string
	f, _ := collector(t, nil)
	f.Grab = func(_ context.Context, q *oneshot.Request, j ask.Job) (*incident.Store, incident.Incident, error) {
		asked, by = q, j.By
		now := time.Now().UTC()
		in := incident.Incident{ID: "20260302T141407Z-hq-3fa2c1", Key: "20260302T141407Z-hq-3fa2c1", Site: "hq", Kind: incident.KindNow, State: incident.Sealed, Asked: evidence.NewWindow(now.Add(-time.Minute), now),
			Hosts: []incident.HostRef{{Name: "expc01"}}, Families: []string{"network_log"}, Revisions: []incident.Revision{{Revision: 1, Coverage: evidence.Partial, Sealed: now, Bundle: filepath.Join(t.TempDir(), "x.zip")}}}
		return f.Store, in, errors.Join(f.Store.Create(in.Key), f.Store.Save(in))
	}
	result, failure := f.now(t.Context(), ask.Job{Site: "hq", By: "ann on ops", Body: json.RawMessage(`{"site":"far","hosts":["expc01"],"reason":"r"}`)})
	g, ok := result.(fleet.Grabbed)
	if failure != nil || !ok || asked.Site != "hq" || asked.Reason != "r" || by != "ann on ops, by the hub" || g.Collector != "dmz-a" || g.Coverage != evidence.Partial || len(g.Hosts) != 1 {
		t.Fatalf("%+v %+v %q %+v", result, asked, by, failure)
	}
	for _, bad := range []string{`{"out":"/etc"}`, `{"key":"x"}`, `[`} {
		asked = nil
		if _, failure := f.now(t.Context(), ask.Job{Site: "hq", Body: json.RawMessage(bad)}); failure == nil || failure.Exit != advice.BadUsage || asked != nil {
			t.Errorf("%s: %+v", bad, failure)
		}
	}
	f.Grab = func(context.Context, *oneshot.Request, ask.Job) (*incident.Store, incident.Incident, error) {
		return nil, incident.Incident{}, advice.Usage(advice.WithHint(fmt.Errorf("no host nobody"), "see the configuration"))
	}
	if _, failure := f.now(t.Context(), ask.Job{Site: "hq", Body: json.RawMessage(`{}`)}); failure == nil || failure.Exit != advice.BadUsage || failure.Hint != "see the configuration" {
		t.Errorf("%+v", failure)
	}
}

// TestPlace: without a fleet, or where it takes no requests, a collector refuses; it says what it has
// by the configuration in force.
func TestPlace(t *testing.T) {
	f, cfg := collector(t, nil)
	if f.refuses() != "" || f.name() != "dmz-a" || strings.Join(f.sites(), " ") != "hq far" || f.canTell() || f.names() {
		t.Errorf("%q %q %v", f.refuses(), f.name(), f.sites())
	}
	cfg.Fleet.Requests, cfg.Fleet.Names = false, true
	cfg.Notify = &config.Notify{On: []string{"problems"}}
	if !strings.Contains(f.refuses(), "fleet.requests") || !f.canTell() || !f.names() {
		t.Errorf("%q", f.refuses())
	}
	if cfg.Fleet = nil; f.refuses() == "" || f.name() != "" || f.names() {
		t.Errorf("%q %q", f.refuses(), f.name())
	}
	var none *Fellow
	none.Sealed()
	none.Report(&status.Report{})
}
