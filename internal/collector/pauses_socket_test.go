package collector

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// pausable is a watcher's part that knows of pauses, on a real store.
func pausable(t *testing.T) *Collector {
	t.Helper()
	cfg := &config.Config{Sites: []config.Site{
		{Name: "hq", Hosts: []config.Host{{Name: "expc01"}, {Name: "shared"}}},
		{Name: "west", Hosts: []config.Host{{Name: "shared"}}, Quiet: []config.Quiet{{To: 24*time.Hour - time.Minute, Reason: "always"}, {From: 23 * time.Hour, To: time.Hour}}},
	}}
	st, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &Collector{Store: st, log: slog.New(slog.DiscardHandler)}
	w.cfg.Store(cfg)
	return w
}

// A pause by hand shuts the hosts whose sites are all paused; quiet hours do not.
// It is asked for and ended over the socket, and shown in status.
func TestPauseOverTheSocket(t *testing.T) {
	w := pausable(t)
	watch := &pauseWatch{cfg: w.cfg.Load, sites: wiring.SitesInForce(w.cfg.Load), store: w.Store, gate: &w.sessions.gate, log: w.log}
	mux := http.NewServeMux()
	for _, p := range []string{"GET /pauses", "POST /pause", "POST /resume"} {
		mux.Handle(p, Pauser{Store: w.Store, Cfg: w.cfg.Load})
	}
	do := func(method, path, body string, code int) (list []status.Pause, text string) {
		t.Helper()
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
		if rec.Code != code {
			t.Errorf("%s %s %s: %d %s", method, path, body, rec.Code, rec.Body)
		}
		json.Unmarshal(rec.Body.Bytes(), &list)
		watch.look(time.Now())
		return list, rec.Body.String()
	}
	shut := func(want ...string) {
		t.Helper()
		var got []string
		for _, h := range []string{"expc01", "shared"} {
			if s, _ := w.sessions.gate.State([]string{h}); s {
				got = append(got, h)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("shut %v, want %v", got, want)
		}
	}
	if list, _ := do("GET", "/pauses", "", 200); len(list) != 1 || list[0].Site != "west" || list[0].By != "schedule" {
		t.Errorf("%+v", list)
	}
	shut()
	for body, want := range map[string]string{
		`{"site":"hq","for":"2h"}`:                                  "--reason",
		`{"site":"hq","reason":"x"}`:                                "--for or --until",
		`{"site":"hq","for":"1h","until":"10:00","reason":"x"}`:     "--for or --until",
		`{"for":"2h","reason":"x"}`:                                 "--site",
		`{"site":"hq","all":true,"for":"2h","reason":"x"}`:          "do not go together",
		`{"site":"nowhere","for":"2h","reason":"x"}`:                "configured are hq, west",
		`{"site":"hq","for":"31d","reason":"x"}`:                    "30 days",
		`{"site":"hq","for":"0s","reason":"x"}`:                     "30 days",
		`{"site":"hq","until":"2020-01-01T00:00:00Z","reason":"x"}`: "30 days",
	} {
		if _, text := do("POST", "/pause", body, 409); !strings.Contains(text, want) || !strings.Contains(text, `"exit":2`) {
			t.Errorf("%s: %s", body, text)
		}
	}
	if list, _ := do("POST", "/pause", `{"site":"HQ","for":"2h","reason":"upgrade"}`, 200); len(list) != 2 || list[0].Site != "hq" || list[0].Reason != "upgrade" || list[0].By == "" {
		t.Errorf("%+v", list)
	}
	shut("expc01")
	if list, _ := do("POST", "/pause", `{"all":true,"for":"1d","reason":"upgrade"}`, 200); len(list) != 3 || list[1].Site != "" || list[1].Until.Sub(list[1].From) != 24*time.Hour {
		t.Errorf("%+v", list)
	}
	shut("expc01", "shared")
	var r status.Report
	reportPauses(&r, w.Store, w.cfg.Load())
	if len(r.Pauses) != 3 || len(r.Problems) != 0 {
		t.Errorf("%+v", r)
	}
	if _, text := do("POST", "/resume", `{"site":"hq"}`, 409); !strings.Contains(text, "resume --all") {
		t.Error(text)
	}
	if list, _ := do("POST", "/resume", `{"all":true}`, 200); len(list) != 1 {
		t.Errorf("%+v", list)
	}
	shut()
}

// A time of day is the next one.
func TestParseUntil(t *testing.T) {
	now := time.Date(2026, 3, 2, 17, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{"18:00": "2026-03-02T18:00:00Z", "16:30": "2026-03-03T16:30:00Z", "2026-03-05T01:00:00": "2026-03-05T01:00:00Z"} {
		if got, err := parseUntil(in, now, time.UTC); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %v %v", in, got, err)
		}
	}
	if _, err := parseUntil("never", now, time.UTC); err == nil || !strings.Contains(err.Error(), "--until") {
		t.Error(err)
	}
}

// Handle takes, Sync makes safe, and the alert knows its mailbox.
func TestIntake(t *testing.T) {
	w := pausable(t)
	var err error
	if w.journal, err = triage.OpenJournal(w.Store, wiring.Sites(w.cfg.Load()), incident.Policy{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	defer w.journal.Close()
	w.metrics = health.NewMetrics(w.Status)
	in := &intake{journal: w.journal, metrics: w.metrics, log: w.log, mailbox: "rtmt", judge: wiring.NewSender(w.cfg.Load(), nil)}
	a := evidence.Alert{ID: strings.Repeat("ab", 32), Time: time.Now()}
	if err := in.handle(t.Context(), mailwatch.Mail{Alert: a, Raw: []byte("x"), Seen: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Store.Alert(a.ID); err == nil {
		t.Error("it is safe before it was synced")
	}
	if err := in.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec, err := w.Store.Alert(a.ID); err != nil || rec.Alert.Mailbox != "rtmt" {
		t.Errorf("%+v, %v", rec, err)
	}
}
