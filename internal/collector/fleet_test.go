package collector

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/outbox"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// TestFleet: a collector without sites sees an alert, another one that reaches the site opens
// the incident; without a hub that is said, what waits is counted, and both end at once.
func TestFleet(t *testing.T) {
	const (
		seed   = "SUAKDWGLYCWO3D4MJBP5D4ZCAH6Y6RP6ZAR53R2N7RVSTFZ2QB5FAWMLVA"
		public = "UDP2DEKJJQ6EETWFTN4BRSXYSM2BU6PPWHFA6KPOPVFKRIGSEWRUCUBG"
	)
	s := testserver.StartNATS(t, testserver.NATSOptions{Config: "authorization { users = [ { nkey: " + public + " } ] }"})
	begin := func(name, more string) (w *Collector, end func()) {
		dir := t.TempDir()
		for file, text := range map[string]string{
			"seed": seed, "secret": "s-3141592653", "known": "",
			"grab.yaml": fmt.Sprintf("store: store\nfleet: {servers: [%q], tenant: acme, name: %s, creds: {file: seed}, ca_file: %q}\n%s", s.URL, name, filepath.Join(s.Dir, "cert.pem"), more),
		} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := config.Load(filepath.Join(dir, "grab.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		w, err = New(cfg, slog.New(slog.DiscardHandler), func() (*config.Config, error) { return config.Load(cfg.Path) }, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		return w, func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	provider, endProvider := begin("provider", "")
	testsite.Until(t, "the provider has its place", func() bool { return provider.fleet.Hub() != nil })
	h := provider.fleet.Hub()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := hub.Ensure(t.Context(), h.Stream, 1); err != nil {
		t.Fatal(err)
	}
	dmz, endDMZ := begin("dmz-a", "ssh: {user: grab, password: {file: secret}, known_hosts: known}\nsites: [{name: hq, clusters: [CM-HQ], hosts: [{name: expc01, role: C, address: 127.0.0.1:1}]}]\n")
	testsite.Until(t, "the site is known", func() bool { return len(provider.ways.others.Directory.Collectors("hq")) == 1 })

	take := func(node string) string {
		a := evidence.Alert{ID: incidenttest.AlertID(node), Name: "PartiallyRegisteredPhone", Cluster: "CM-HQ", Node: node, Time: time.Now().UTC(), TimeFrom: evidence.TimeFromDate}
		if _, err := provider.journal.Add(t.Context(), a, []byte("\r\n"), false, time.Now()); err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	one := take("sub1")
	testsite.Until(t, "the incident is open", func() bool {
		r := dmz.Status()
		return len(r.Incidents) == 1 && r.Incidents[0].Site == "hq"
	})
	if rec, err := dmz.Store.Alert(one); err != nil || rec.Alert.Relay.Collector != "provider" {
		t.Errorf("%+v, %v", rec, err)
	}
	if f := dmz.Status().Fleet; f == nil || f.Hub != status.HubConnected || f.Name != "dmz-a" || f.Tenant != "acme" || f.Outbox != 0 || len(f.Failing) > 0 {
		t.Errorf("%+v", f)
	}

	s.Stop()
	testsite.Until(t, "the hub is away", func() bool { return provider.Status().Fleet.Hub == status.HubDown })
	take("sub2")
	if f := provider.Status().Fleet; f.Outbox != 1 || f.Oldest.IsZero() || f.Why == "" {
		t.Errorf("%+v", f)
	}
	var text strings.Builder
	if err := provider.Status().Write(&text); err != nil || !strings.Contains(text.String(), "provider of tenant acme: hub down since ") || !strings.Contains(text.String(), "1 alert waits for other collectors, the oldest since ") {
		t.Errorf("%v\n%s", err, text.String())
	}
	endProvider()
	endDMZ()
	if _, err := os.Stat(filepath.Join(provider.Store.Dir, "fleet", "outbox", outbox.FileName("hq", incidenttest.AlertID("sub2")))); err != nil {
		t.Error(err)
	}
}
