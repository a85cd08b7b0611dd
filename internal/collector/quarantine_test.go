package collector

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// newGuarded is a watcher that does not run, by a configuration with these lines.
func newGuarded(t *testing.T, extra string) (*testsite.Site, *Collector, *mailwatch.Watcher) {
	t.Helper()
	c := testsite.New(t)
	c.Hosts, c.Extra = "      - {name: expc01, role: C, address: \"127.0.0.1:9\"}\n", extra
	c.StartMail()
	cfg, err := config.Load(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	w := restarted(t, c)
	m, err := w.Mailboxes.watcher(cfg, wiring.Boxes(cfg)[0])
	if err != nil {
		t.Fatal(err)
	}
	return c, w, m
}

// restarted is a watcher of the configuration that does not run.
func restarted(t *testing.T, c *testsite.Site) *Collector {
	t.Helper()
	cfg, err := config.Load(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(cfg, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.journal.Close() })
	return w
}

// guardOf looks after the quarantine of a watcher that does not run.
func guardOf(w *Collector) *quarantine {
	return &quarantine{cfg: w.cfg.Load, store: w.Store, journal: w.journal, keys: &w.Mailboxes.keys, log: w.log}
}

// handle gives the watcher a mail as if it had come from the mailbox.
func handle(t *testing.T, m *mailwatch.Watcher, raw []byte) string {
	t.Helper()
	now := time.Now().UTC()
	internal, _ := checkup.ReceivedAt(raw, now)
	a, ok := m.Reader.Read(raw, internal)
	if !ok {
		return ""
	}
	a.Folder = m.Mailbox
	if err := m.Handle(t.Context(), mailwatch.Mail{Alert: a, Raw: raw, Internal: internal, Seen: now}); err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// While the DNS does not answer an alert is held; when it does it triggers by itself.
func TestUnsureIsJudgedAgain(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, w, m := newGuarded(t, "alerts: {authenticity: {check: dkim, domains: [example.com]}}")
	down, asked := true, 0
	ask := func(_ context.Context, name string) ([]string, error) {
		asked++
		if down {
			return nil, &net.DNSError{Err: "server misbehaving", Name: name} // all but "not found" may pass
		}
		return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)}, nil
	}
	w.Mailboxes.keys.Lookup = ask
	sign := func(o rtmt.MailOptions) []byte {
		var out bytes.Buffer
		if err := dkim.Sign(&out, bytes.NewReader(rtmt.Mail(o)), &dkim.SignOptions{Domain: "example.com", Selector: "s", Signer: key}); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	id := handle(t, m, sign(rtmt.MailOptions{Time: time.Now()}))
	forged := handle(t, m, append([]byte("X-A: b\r\n"), rtmt.Mail(rtmt.MailOptions{Node: "n2"})...))
	second := handle(t, m, sign(rtmt.MailOptions{Time: time.Now(), Node: "n3"}))
	if asked != 1 {
		t.Errorf("a dead server was asked %d times", asked)
	}
	rec, err := w.Store.Alert(id)
	if err != nil || rec.What != incident.Quarantined || !rec.Alert.Auth.Temporary || !strings.Contains(rec.Alert.Auth.Why, "at the moment") {
		t.Fatalf("%+v %+v, %v", rec, rec.Alert.Auth, err)
	}
	var rep status.Report
	if reportQuarantine(&rep, w.journal); rep.Held != 3 || len(rep.Problems) != 1 || rep.Problems[0].Key != "quarantine" {
		t.Errorf("%+v", rep)
	}
	wrong := handle(t, m, bytes.Replace(sign(rtmt.MailOptions{Time: time.Now(), Node: "n4"}), []byte("n4"), []byte("n5"), 1))
	old := handle(t, m, sign(rtmt.MailOptions{Time: time.Now().Add(-25 * time.Hour), Node: "n6"}))
	now := time.Now()
	asked = 0
	for range 12 * 60 { // six hours
		now, w.Mailboxes.keys = now.Add(30*time.Second), wiring.KeyCache{Lookup: w.Mailboxes.keys.Lookup}
		if guardOf(w).judgeAgain(t.Context(), now) {
			t.Error("it passed without a key")
		}
	}
	if asked < 100 || asked > 12*60 {
		t.Errorf("a dead server was asked %d times in six hours", asked)
	}
	w.journal.Close()
	w = restarted(t, c)
	w.Mailboxes.keys.Lookup = ask
	down, asked = false, 0
	if !guardOf(w).judgeAgain(t.Context(), now) || guardOf(w).judgeAgain(t.Context(), now) {
		t.Error("with the key it was to pass, once")
	}
	if asked != 1 {
		t.Errorf("one key was asked for %d times", asked)
	}
	if in, err := w.journal.Decide(time.Now()); err != nil || len(in) != 1 {
		t.Errorf("it started %v, %v", in, err)
	}
	if rec, err := w.Store.Alert(old); err != nil || rec.What != incident.Expired || !rec.Alert.Auth.OK {
		t.Errorf("the old one is %+v, %v", rec, err)
	}
	for id, how := range map[string]string{id: "dkim", second: "dkim", forged: "", wrong: ""} {
		if rec, err := w.Store.Alert(id); err != nil || rec.Alert.Auth.How != how || (how == "") != (rec.What == incident.Quarantined) {
			t.Errorf("%+v %+v, %v", rec, rec.Alert.Auth, err)
		}
	}
}

// preview is what `grab check --mail` says of the mail in a file, which came into a folder.
func preview(t *testing.T, c *testsite.Site, file, folder string) *checkup.EMLReport {
	t.Helper()
	cfg, err := config.Load(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := checkup.PreviewMail(t.Context(), cfg, file, folder)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// What `grab check --mail` says of a mail is what the watcher then does.
func TestCheckMailIsWhatWatchDoes(t *testing.T) {
	c, w, m := newGuarded(t, "alerts: {limit: 3, authenticity: {check: results, authserv_id: mx.lab, hops: 1, domains: [example.com]}}")
	stamp := func(result string) string { return "Authentication-Results: mx.lab; " + result + "\r\n" }
	genuine := stamp("dmarc=pass header.from=cucm01.example.com")
	now := time.Now()
	for i, x := range []struct {
		head, want string
		o          rtmt.MailOptions
	}{
		{genuine, "incident", rtmt.MailOptions{Time: now.Add(-10 * time.Minute)}},
		{genuine, "incident", rtmt.MailOptions{Time: now.Add(-10*time.Minute + 2*time.Second)}}, // joins
		{genuine, "repeat", rtmt.MailOptions{Time: now.Add(-8 * time.Minute)}},
		{"", "quarantined", rtmt.MailOptions{Time: now}},
		{stamp("dmarc=fail header.from=example.com") + genuine, "quarantined", rtmt.MailOptions{Time: now, Node: "n4"}},
		{genuine, "incident", rtmt.MailOptions{Time: now.Add(-6 * time.Minute), Node: "n5"}},
		{genuine, "expired", rtmt.MailOptions{Time: now.Add(-25 * time.Hour)}},
		{genuine, "incident", rtmt.MailOptions{Time: now.Add(-4 * time.Minute), Node: "n6"}},
		{genuine, "limited", rtmt.MailOptions{Time: now.Add(-2 * time.Minute), Node: "n7"}},
		{genuine, "ignored", rtmt.MailOptions{Time: now, Name: "Other"}},
	} {
		raw := append([]byte("Received: from x by mx.lab; "+x.o.Time.Add(5*time.Second).Format(time.RFC1123Z)+"\r\n"+x.head), rtmt.Mail(x.o)...)
		file := filepath.Join(t.TempDir(), "x.eml")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		rep := preview(t, c, file, "")
		id := handle(t, m, raw)
		for _, in := range w.journal.Table().Unsealed() { // as the runner does: what has begun gives way to nobody
			if _, err := w.journal.Table().Start(in.Key); err != nil {
				t.Fatal(err)
			}
		}
		got := "ignored"
		if id != "" {
			rec, err := w.Store.Alert(id)
			if err != nil {
				t.Fatal(err)
			}
			if got = string(rec.What); got == "" {
				got = string(rec.Sites[0].What)
				if rep.Sites[0].Why != rec.Sites[0].Why {
					t.Errorf("%d: why %+v, then %+v", i, rep.Sites[0], rec.Sites[0])
				}
			}
			if fmt.Sprint(rec.Alert.Auth) != fmt.Sprint(rep.Sender) || rec.Alert.ID != rep.Alert.ID {
				t.Errorf("%d: %+v, then %+v", i, rep.Sender, rec.Alert.Auth)
			}
		}
		if rep.Outcome != x.want || got != x.want {
			t.Errorf("%d: check says %s (%s), watch did %s, want %s", i, rep.Outcome, rep.Why, got, x.want)
		}
	}
	again := preview(t, c, c.File("again.eml", string(append([]byte(genuine), rtmt.Mail(rtmt.MailOptions{Time: now.Add(-10 * time.Minute)})...))), "")
	if !strings.Contains(again.Text(), "outcome    seen: a mail with this Message-ID") {
		t.Error(again.Text())
	}
	var rep status.Report
	if reportQuarantine(&rep, w.journal); rep.Held != 2 || len(rep.Problems) != 2 || rep.Problems[1].Key != "limit/hq" {
		t.Errorf("%+v", rep)
	}
}

// The copies of a mail in two folders go to the sites of both routes, and `grab check
// --mail` says so of the second; times are read by the zone of the site that the
// folder's route names.
func TestCopyInAnotherFolder(t *testing.T) {
	c := testsite.New(t)
	c.Hosts = "      - {name: expc01, role: C, address: \"127.0.0.1:9\"}\n  - name: tokyo\n    clusters: [none]\n    time_zone: Asia/Tokyo\n    hosts: [{name: expc02, role: C, address: \"127.0.0.1:9\"}]\n"
	c.Extra = "routes: [{folder: Tokyo, sites: [tokyo]}]"
	c.StartMail()
	c.File("grab.yaml", strings.Replace(c.Read("grab.yaml"), "password:", "mailbox: [INBOX, Tokyo], password:", 1))
	w := restarted(t, c)
	cfg := w.cfg.Load()
	raw := rtmt.Mail(rtmt.MailOptions{Time: time.Now().Add(-time.Minute)})
	var id string
	for _, b := range wiring.Boxes(cfg) {
		m, err := w.Mailboxes.watcher(cfg, b)
		if err != nil {
			t.Fatal(err)
		}
		site := map[string]string{"INBOX": "hq", "Tokyo": "tokyo"}[b.Folder]
		rep := preview(t, c, c.File("x.eml", string(raw)), b.Folder)
		if rep.Outcome != "incident" || len(rep.Sites) != 1 || rep.Sites[0].Site != site {
			t.Errorf("%s: %+v", b.Folder, rep)
		}
		a, _ := m.Reader.Read(raw, time.Now())
		if z := m.Reader.Zone(a); (z != nil && z.String() == "Asia/Tokyo") != (b.Folder == "Tokyo") {
			t.Errorf("%s: times are read by %v", b.Folder, z)
		}
		id = handle(t, m, raw)
		if rep = preview(t, c, c.File("x.eml", string(raw)), b.Folder); rep.Outcome != "seen" {
			t.Errorf("%s: %+v", b.Folder, rep)
		}
	}
	rec, err := w.Store.Alert(id)
	if err != nil || len(rec.Sites) != 2 || rec.Sites[0].Site != "hq" || rec.Sites[1].Site != "tokyo" || rec.Sites[1].What != incident.InIncident {
		t.Errorf("%+v, %v", rec, err)
	}
}
