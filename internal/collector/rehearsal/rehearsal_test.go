package rehearsal

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/incident"
	"rtmtgrab/mailwatch"
)

const threeSites = `mail: {server: imap.example.com, user: rtmt@example.com, password: {env: HOME}}
smtp: {server: smtp.example.com, from: grab@example.com}
drill: {every: 7d}
ssh: {key: {agent: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}
sites:
  - {name: hq, clusters: [HQ, OLD], nodes: [cucm01], hosts: [{name: c1, address: 10.0.0.1, host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}
  - {name: rome, nodes: [cucm02], time_zone: Europe/Rome, hosts: [{name: c2, address: 10.0.0.2, host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}
  - {name: rest, hosts: [{name: c3, address: 10.0.0.3, host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}
`

// newRunner is one over a store of its own.
func newRunner(t *testing.T, text string) *Runner {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "grab.yaml")
	if err := os.WriteFile(path, []byte("store: store\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Options{MissingSecrets: true, MissingKnownHosts: true}.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	store, err := incident.OpenStore(cfg.Store)
	if err != nil {
		t.Fatal(err)
	}
	return &Runner{Log: slog.New(slog.DiscardHandler), Config: func() *config.Config { return cfg }, Store: store,
		Book: NewBook(filepath.Join(store.Dir, "drills.json"))}
}

// Each site has its drill at its own time, once, also across restarts, and not while it is
// paused.
func TestDrillClock(t *testing.T) {
	d := newRunner(t, threeSites)
	c := &Clock{Runner: d}
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	c.Next(d.Config(), start)
	at := start
	made := map[string][]time.Time{}
	if err := d.Store.Pause(t.Context(), incident.Pause{Site: "hq", From: start, Until: start.Add(24 * time.Hour), Reason: "x", By: "y"}); err != nil {
		t.Fatal(err)
	}
	for ; at.Before(start.Add(16 * 24 * time.Hour)); at = at.Add(5 * time.Minute) {
		if site := c.due(at); site != "" {
			made[site] = append(made[site], at)
			d.Book.began(site, at, d.Log)
			d.Book.sites = nil // a restart
			c = &Clock{Runner: d}
		}
	}
	rome, _ := time.LoadLocation("Europe/Rome")
	for site, first := range map[string]time.Time{"hq": time.Date(2026, 3, 4, 3, 0, 0, 0, time.UTC), "rome": time.Date(2026, 3, 3, 3, 0, 0, 0, rome), "rest": time.Date(2026, 3, 3, 3, 0, 0, 0, time.UTC)} {
		for i := range 2 {
			want := first.Add(time.Duration(i)*7*24*time.Hour + drill.Delay(site))
			if n := len(made[site]); n < 2 || n > 3 || made[site][i].Sub(want).Abs() > 5*time.Minute {
				t.Errorf("%s: %v, want %v", site, made[site], want)
			}
		}
	}
}

// A scheduled drill that failed is a problem until one has passed, whoever made that.
func TestDrillReport(t *testing.T) {
	d := newRunner(t, threeSites)
	report := func() (r status.Report) {
		d.Book.sites = nil // a restart
		d.Report(&r, d.Config(), nil)
		return r
	}
	ended := func(ok, scheduled bool) {
		d.Book.ended(drill.Result{Site: "hq", OK: ok, Scheduled: scheduled, Began: time.Now(),
			Steps: []drill.Step{{Step: drill.StepHeld, Host: "c1", OK: ok, What: "refused", Hint: "look"}}}, d.Log)
	}
	if r := report(); len(r.Drills) != 0 || len(r.Problems) != 0 {
		t.Errorf("%+v", r)
	}
	ended(false, false)
	if r := report(); len(r.Drills) != 1 || r.Drills[0].OK || r.Drills[0].Host != "c1" || len(r.Problems) != 0 {
		t.Errorf("%+v", r)
	}
	ended(false, true)
	ended(false, false)
	if r := report(); len(r.Problems) != 1 || r.Problems[0].Key != "drill/hq" || r.Problems[0].Blocks || !strings.Contains(r.Problems[0].What, "site hq failed: not held on c1: refused") || !strings.HasPrefix(r.Problems[0].Hint, "look; ") {
		t.Errorf("%+v", r)
	}
	ended(true, false)
	if r := report(); len(r.Problems) != 0 || !r.Drills[0].OK || r.Drills[0].Step != "" {
		t.Errorf("%+v", r)
	}
}

// A drill that is due is made once, whatever comes of it, and what came of it is reported.
func TestScheduledDrill(t *testing.T) {
	d := newRunner(t, strings.Replace(threeSites, "{server: smtp.example.com,", "{server: \"127.0.0.1:9\", tls: none,", 1))
	d.Mails = &Mails{Log: d.Log, Nonces: &drill.Nonces{File: filepath.Join(d.Store.Dir, "drill-nonces.json")}}
	d.Boxes = func() []Box {
		return []Box{{Mailbox: "rtmt@example.com", State: mailwatch.State{Connected: true}}}
	}
	c := &Clock{Runner: d}
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	if c.makeDue(t.Context(), start) {
		t.Error("due at once")
	}
	night := start.Add(17 * time.Hour)
	for range 3 {
		if !c.makeDue(t.Context(), night) {
			t.Error("not due")
		}
	}
	if c.makeDue(t.Context(), night) {
		t.Error("due again")
	}
	var r status.Report
	d.Report(&r, d.Config(), c.Next(d.Config(), night))
	if len(r.Problems) != 3 || !strings.Contains(r.Problems[0].What, "not sent: ") || len(r.Drills) != 3 || !r.Drills[2].Scheduled || r.Drills[2].Step != drill.StepSent || r.Drills[2].Next.Sub(night) < 6*24*time.Hour {
		t.Errorf("%+v %+v", r.Problems, r.Drills)
	}
}

// While its mailbox is not connected no mail is sent.
func TestDrillIsNotSent(t *testing.T) {
	d := newRunner(t, threeSites)
	d.Boxes = func() []Box {
		return []Box{{Mailbox: "rtmt@example.com", State: mailwatch.State{Err: errors.New("connection refused")}}, {Mailbox: "other", State: mailwatch.State{Connected: true}}}
	}
	r, err := d.drill(t.Context(), order{site: "hq", wait: time.Millisecond, tell: func(drill.Step) {}})
	if bad := r.Failed(); err != nil || len(r.Steps) != 1 || bad.Step != drill.StepArrived || !strings.Contains(bad.What, "no mail was sent") || !strings.Contains(bad.What, "connection refused") {
		t.Errorf("%+v, %v", r, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := d.drill(ended, order{site: "hq", tell: func(drill.Step) {}}); err == nil || len(r.Steps) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// The mail of a drill goes to its site, however the site is known; where none would, there
// is no mail.
func TestComposeDrill(t *testing.T) {
	now := time.Now()
	for _, site := range []string{"hq", "rome", "rest"} {
		d := newRunner(t, threeSites)
		m, err := Compose(d.Config(), d.Config().Site(site), "", now)
		if err != nil || m.Said.Text == "" || m.from != "grab@example.com" || m.to != "rtmt@example.com" || drill.MarkOf(m.Raw) != m.Mark {
			t.Errorf("%s: %+v, %v", site, m, err)
		}
	}
	for _, c := range []struct{ name, box, text, to, folder, err string }{
		{"a route by recipient", "", "routes: [{to: rome+x@example.com, sites: [rome]}]\n", "rome+x@example.com", "INBOX", ""},
		{"a route by cluster", "", "routes: [{cluster: IT-*, node: '*', sites: [rome]}]\n", "rtmt@example.com", "INBOX", ""},
		{"a route before", "", "routes: [{cluster: '*', sites: [hq]}, {node: cucm02, sites: [rome]}]\n", "", "", "no alert would go to site rome"},
		{"another counter", "", "alerts: {match: [CpuPegging]}\n", "", "", "would be no alert"},
		{"a route by folder", "", "routes: [{folder: Rome, sites: [rome]}]\n", "it@example.com", "Rome", ""},
		{"another mailbox", "it", "", "it@example.com", "Italy", ""},
		{"no such mailbox", "fr", "", "", "", `unknown mailbox "fr"; configured are rtmt@example.com, it`},
	} {
		d := newRunner(t, c.text+strings.Replace(threeSites, "mail: {", "mail:\n- {name: it, mailbox: [Italy, Rome], server: imap.example.com, user: it@example.com, password: {env: HOME}}\n- {", 1))
		cfg := d.Config()
		cfg.Mails[0], cfg.Mails[1] = cfg.Mails[1], cfg.Mails[0]
		m, err := Compose(d.Config(), d.Config().Site("rome"), c.box, now)
		if c.err == "" && (err != nil || m.to != c.to || m.folder != c.folder) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
	}
}
