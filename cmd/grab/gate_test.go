package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// What logs in to a host runs while one of its sites is not paused, and only then.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		ctx, cancel := context.WithCancel(context.Background())
		var said []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.while(ctx, []string{"a", "b"}, func(ctx context.Context) {
				said = append(said, "up")
				<-ctx.Done()
				said = append(said, "down")
			})
		}()
		step := func(want string, hosts ...string) {
			t.Helper()
			shut := map[string]bool{}
			for _, h := range hosts {
				shut[h] = true
			}
			g.set(shut)
			synctest.Wait()
			if got := strings.Join(said, " "); got != want {
				t.Errorf("shut %v: %q, want %q", hosts, got, want)
			}
		}
		step("up")
		step("up", "a")
		step("up down", "a", "b")
		step("up down", "b", "a", "c")
		step("up down up", "b")
		cancel()
		<-done
		if got := strings.Join(said, " "); got != "up down up down" {
			t.Error(got)
		}
		n := 0
		g.while(context.Background(), []string{"a"}, func(context.Context) { n++ }) // ends by itself
		var none *gate
		none.while(context.Background(), []string{"a"}, func(context.Context) { n++ })
		if n != 2 {
			t.Errorf("ran %d times", n)
		}
	})
}

// pausable is a watcher's part that knows of pauses, on a real store.
func pausable(t *testing.T) *watching {
	t.Helper()
	cfg := &config.Config{Sites: []config.Site{
		{Name: "hq", Hosts: []config.Host{{Name: "expc01"}, {Name: "shared"}}},
		{Name: "west", Hosts: []config.Host{{Name: "shared"}}, Quiet: []config.Quiet{{To: 24*time.Hour - time.Minute, Reason: "always"}, {From: 23 * time.Hour, To: time.Hour}}},
	}}
	st, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{store: st, log: slog.New(slog.DiscardHandler)}
	w.cfg.Store(cfg)
	return w
}

// A pause by hand shuts the hosts whose sites are all paused; quiet hours do not.
// It is asked for and ended over the socket, and shown in status.
func TestPauseOverTheSocket(t *testing.T) {
	w := pausable(t)
	mind := &minding{w: w}
	mux := http.NewServeMux()
	for _, p := range []string{"GET /pauses", "POST /pause", "POST /resume"} {
		mux.Handle(p, w.pauseDesk())
	}
	do := func(method, path, body string, code int) (list []status.Pause, text string) {
		t.Helper()
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
		if rec.Code != code {
			t.Errorf("%s %s %s: %d %s", method, path, body, rec.Code, rec.Body)
		}
		json.Unmarshal(rec.Body.Bytes(), &list)
		mind.look(time.Now())
		return list, rec.Body.String()
	}
	shut := func(want ...string) {
		t.Helper()
		var got []string
		for _, h := range []string{"expc01", "shared"} {
			if s, _ := w.gate.state([]string{h}); s {
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
		`{"site":"nowhere","for":"2h","reason":"x"}`:                "known are hq, west",
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
	w.reportPauses(&r)
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

// The examples of kinds are read by the real decoder, and each takes the alert that
// it is made for and leaves the partially registered phone to its own kind.
func TestKindsExample(t *testing.T) {
	example, err := os.ReadFile(filepath.FromSlash("../../configs/kinds.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "grab.yaml")
	rest := "\nmail: {server: imap.example.com, user: u@example.com, password: {env: NONE}}\nssh: {password: {env: NONE}}\nsites: [{name: hq, hosts: [{name: expc01, role: C, address: 10.0.0.1}]}]\n"
	if err := os.WriteFile(file, append(example, rest...), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := offline.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	r := wiring.AlertReader(cfg, "INBOX")
	seen := map[string]bool{}
	for name, want := range map[string]string{
		"NumberOfRegisteredPhonesDropped": "phones-dropped", "SIPTrunkOOS": "trunk", "SIPTrunkPartiallyISV": "trunk", "DeviceUnregistered": "device-gone",
		"EndPointTransientConnection": "device-gone", "RegisteredHardwarePhones": "registered-phones", "CertExpiryEmergency": "certificate",
		"PartiallyRegisteredPhone": evidence.DefaultKind, "AuthenticatedPartiallyRegisteredPhone": evidence.DefaultKind,
	} {
		a, ok := r.Read([]byte("Subject: [RTMT-ALERT-StandAloneCluster] "+name+"\r\n\r\nx\r\n"), time.Now())
		if !ok || a.Kind != want || a.Name != name {
			t.Errorf("%s: %s (%s)", name, a.Kind, a.Name)
		}
		seen[a.Kind] = true
	}
	for _, k := range cfg.Alerts.Kinds {
		if !seen[k.Name] {
			t.Errorf("kind %s is not tried", k.Name)
		}
	}
	if p := wiring.Policy(cfg).WindowOf("certificate", time.Now()); p.Length() != 6*time.Minute {
		t.Errorf("window %s", p.Length())
	}
}

// Handle takes, Sync makes safe, and the alert knows its mailbox.
func TestIntake(t *testing.T) {
	w := pausable(t)
	var err error
	if w.journal, err = incident.OpenJournal(w.store, wiring.Sites(w.cfg.Load()), incident.Policy{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	defer w.journal.Close()
	w.metrics = health.NewMetrics(w.status)
	in := &intake{w: w, mailbox: "rtmt", judge: wiring.NewSender(w.cfg.Load(), nil)}
	a := evidence.Alert{ID: strings.Repeat("ab", 32), Time: time.Now()}
	if err := in.handle(t.Context(), mailwatch.Mail{Alert: a, Raw: []byte("x"), Seen: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Alert(a.ID); err == nil {
		t.Error("it is safe before it was synced")
	}
	if err := in.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec, err := w.store.Alert(a.ID); err != nil || rec.Alert.Mailbox != "rtmt" {
		t.Errorf("%+v, %v", rec, err)
	}
}

// `grab check --mail` says by which route a mail goes, of which kind it is, what it
// asks for, and that the site is paused.
func TestCheckMailRoutes(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cfg := put("grab.yaml", "store: store\nalerts: {kinds: [{name: trunk, match: SIPTrunkOOS, window: {before: 1m, after: 30s}}]}\nroutes: [{to: rtmt+hq@example.com, kind: trunk, sites: [hq]}, {folder: Lab, sites: [hq]}]\n"+
		"mail: {server: imap.example.com, mailbox: [INBOX, Lab], user: u@example.com, password: {env: NONE}}\nssh: {password: {env: NONE}}\n"+
		"sites: [{name: hq, nodes: [n1], hosts: [{name: expc01, role: C, address: 10.0.0.1}]}]\n")
	if _, err := incident.OpenStore(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	check := func(to, name string) string {
		t.Helper()
		r := runGrab("-c", cfg, "check", "--mail", put("a.eml", "To: "+to+"\r\nDate: "+time.Now().Format(time.RFC1123Z)+"\r\nSubject: [RTMT-ALERT-c] "+name+"\r\n\r\nx\r\n"))
		if r.code != 0 {
			t.Fatal(r)
		}
		return r.out
	}
	if r := runGrab("-c", cfg, "pause", "--direct", "--all", "--for", "10m", "--reason", "test"); r.code != 0 {
		t.Fatal(r)
	}
	out := check("rtmt+hq@example.com", "SIPTrunkOOS")
	for _, want := range []string{"routes[0] (to rtmt+hq@example.com, kind trunk)", "trunk", "opens an incident", "site hq is paused until"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if out = runGrab("-c", cfg, "check", "--mail", filepath.Join(dir, "a.eml"), "--folder", "Nowhere").err; !strings.Contains(out, `no mailbox of the configuration has "Nowhere"`) {
		t.Error(out)
	}
	check("rtmt@example.com", "SIPTrunkOOS")
	if out = runGrab("-c", cfg, "check", "--mail", filepath.Join(dir, "a.eml"), "--folder", "Lab").out; !strings.Contains(out, "routes[1]") {
		t.Error(out)
	}
	key, err := proof.LoadKey(filepath.Join(dir, "store", "notice.key"))
	if err != nil {
		t.Fatal(err)
	}
	if out = check("rtmt@example.com", "SIPTrunkOOS\r\n"+proof.NoticeField+": "+key.Notice("x")); !strings.Contains(out, "trigger nothing") {
		t.Error(out)
	}
	if out = check("rtmt@example.com", "SIPTrunkOOS"); !strings.Contains(out, "unrouted: no route matches; no site claims") {
		t.Error(out)
	}
}
