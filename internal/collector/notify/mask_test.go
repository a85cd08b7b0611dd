package notify

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	masker "rtmtgrab/internal/masking"
)

// noticeOf is of an incident of which a phone went partial.
func noticeOf(site string) channel.Notice {
	now := time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)
	return channel.Told(now, channel.KindSealed, channel.Incident{Key: "k", Incident: "20260302T142000Z-" + site + "-3fa2c1", Revision: 1, Site: site, Window: evidence.NewWindow(now.Add(-time.Hour), now),
		Coverage: "complete", Alerts: []string{"14:19:00 UTC PartiallyRegisteredPhone on cucm01.corp.example.net"}, Verdict: "partial: SEP00EBD5D5D8C6 went partial",
		Hosts: []channel.Host{{Host: "expc01", Coverage: "lost", Error: "dial tcp 10.0.30.2:22: i/o timeout"}}, Bundled: channel.Bundled{Bundle: "/var/lib/grab/bundles/20260302T142000Z-" + site + "-3fa2c1.zip"},
		Found: &channel.Registration{Verdict: "partial", Summary: "SEP00EBD5D5D8C6 went partial", Phones: []channel.Phone{{Device: "SEP00EBD5D5D8C6", Verdict: "partial"}}}})
}

func maskWith(t *testing.T, strength, store string, n channel.Notice) (channel.Notice, string) {
	t.Helper()
	do := masking(&config.Config{Notify: &config.Notify{Mask: strength}}, store).Do
	if do != nil {
		var err error
		if n, err = do(n); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return n, string(b)
}

// With identities nothing in a notice, neither in its text nor in its JSON, tells who and
// where, and its names come back with the site's map; else it says what it said.
func TestMaskNotice(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	raw := noticeOf("headquarters")
	for _, strength := range []string{config.MaskNone, config.MaskCredentials} {
		if n, _ := maskWith(t, strength, store, raw); n.Text != raw.Text || n.Subject != raw.Subject {
			t.Errorf("%s:\n%s", strength, n.Text)
		}
	}
	n, all := maskWith(t, config.MaskIdentities, store, raw)
	for _, s := range []string{"headquarters", "cucm01", "corp.example", "00EBD5D5D8C6", "expc01", "10.0.30.2"} {
		if strings.Contains(strings.ToLower(all), strings.ToLower(s)) {
			t.Errorf("%s is left in %s", s, all)
		}
	}
	if n.ID != raw.ID || n.Kind != raw.Kind || raw.Incident.Hosts[0].Host != "expc01" || len(strings.Split(n.Text, "\n")) != len(strings.Split(raw.Text, "\n")) {
		t.Errorf("%+v", n)
	}
	back, _, err := (&masker.Masker{Store: store}).Restore(n.Incident.Found.Phones[0].Device)
	if err != nil || len(back) != 1 || back[0].Text != "SEP00EBD5D5D8C6" {
		t.Errorf("%+v, %v", back, err)
	}
	changes := channel.Problems(raw.Time, []channel.Change{{Key: "host", Event: channel.Began, What: "expc01.corp.example.net (10.0.30.2) refuses the login", Since: raw.Time}})
	n, all = maskWith(t, config.MaskIdentities, store, changes)
	if n.ID != changes.ID || strings.Contains(all, "10.0.30.2") || strings.Contains(all, "corp") || !strings.Contains(n.Text, "refuses the login") {
		t.Error(all)
	}
}

// Of a site, its hosts, nodes, mailboxes and destinations, called shortly and like words, and
// of who is named in problems nothing is left in any field.
func TestMaskNoticeShort(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{Notify: &config.Notify{Mask: config.MaskIdentities},
		Sites:    []config.Site{{Name: "hq", Clusters: []string{"ZuluPBX*"}, Hosts: []config.Host{{Name: "x1", Address: "vcsa.kilo.lan:22", SSH: config.SSH{Account: config.Account{User: "yann"}}}}}},
		Mails:    []config.Mail{{Name: "tango", User: "tango", Server: "mx9:993", Mailboxes: []string{"INBOX", "Kilofolder"}}},
		CUCM:     []config.CUCM{{Cluster: "ZuluPBX", Publisher: "pub1:8443", Nodes: []config.CUCMNode{{Name: "sub2", Address: "sub2.kilo.lan:8443"}}}},
		Handover: []config.Handover{{Name: "nas7", Folder: "/srv/kilo"}}}
	do := masking(cfg, t.TempDir()).Do
	now := time.Now()
	raws := []string{"hq", "zulupbx", "x1", "vcsa", "kilo", "yann", "tango", "mx9", "kilofolder", "pub1", "sub2", "nas7", "quebec", "zulu", "pbx", "00ebd5d5d8c6", "7042"}
	in := noticeOf("hq").Incident
	in.Alerts, in.Machines = []string{"14:19:00 UTC PartiallyRegisteredPhone on sub3 (Quebec), by poll"}, []string{"Quebec", "sub3"}
	in.Hosts = []channel.Host{{Host: "x1", Error: "lookup x1: no such host; jump by VCSA"}}
	in.Handed = []channel.Handed{{To: "nas7", Place: "/srv/hq/20260302T142000Z-hq-3fa2c1.zip"}, {To: "nas7", Error: "nas7 is full"}}
	in.CUCM = &channel.Names{State: "likely", Why: "ZuluPBX did not answer", Phones: []channel.Named{{Cluster: "ZuluPBX", Device: "SEP00EBD5D5D8C6", Via: "x1", Lines: []channel.NamedLine{{Number: "7042", State: "up"}}}}}
	var changes []channel.Change
	for key, what := range map[string]string{"host/x1/login": "x1 refuses yann", "mailbox/tango/Kilofolder": "mx9 does not answer for tango", "site/hq/clock": "x1 and pub1 of hq differ", "poll/ZuluPBX/sub2": "sub2 is silent",
		"unrouted/quebec": "3 alerts of cluster Quebec came; no site claims it", "reset/SEP00EBD5D5D8C6": "SEP00EBD5D5D8C6 (7042) did not come back", "handover/nas7": "nas7: permission denied", "cucm/zulu pbx/login": "Zulu PBX refused yann", "something/quebec/new": "quebec again", "incident/20260302T142000Z-hq-3fa2c1": "x1 fails"} {
		changes = append(changes, channel.Change{Key: key, Event: channel.Began, What: what, Hint: "look at x1 and sub2; `grab check hq`", Since: now})
	}
	notices := []channel.Notice{channel.Told(now, channel.KindSealed, *in), channel.Problems(now, changes)}
	for _, c := range changes {
		notices = append(notices, channel.Problems(now, []channel.Change{c})) // whose subject has its key
	}
	for _, raw := range notices {
		n, err := do(raw)
		if err != nil {
			t.Fatal(err)
		}
		b := sent(t, n)
		for _, w := range strings.FieldsFunc(strings.ToLower(string(b)), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
			if slices.Contains(raws, strings.TrimPrefix(w, "sep")) || w == "sub3" {
				t.Errorf("%s is left in %s", w, b)
			}
		}
		if n.ID != raw.ID || len(strings.Split(n.Text, "\n")) != len(strings.Split(raw.Text, "\n")) || n.Kind == channel.KindProblems && !strings.Contains(string(b), "/") {
			t.Errorf("%s", b)
		}
	}
	if changes[0].What == "" || !strings.Contains(changes[0].Hint, "x1") {
		t.Error("the problems themselves were changed")
	}
}

// sent is a notice as webhooks of each template, and a command, get it.
func sent(t *testing.T, n channel.Notice) (all []byte) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			all = append(all, name+" "+strings.Join(values, " ")+"\n"...)
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		all = append(append(all, b...), '\n')
	}))
	defer server.Close() // when the handlers have ended
	for _, template := range []string{channel.TemplateJSON, channel.TemplateTeams, channel.TemplateSlack} {
		w := &channel.Webhook{Template: template, URL: func() (string, error) { return server.URL, nil }}
		if err := w.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	server.Close()
	b, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return append(all, b...)
}

// Without its map a notice tells that it cannot tell; it is not lost, and others' maps are used.
func TestMaskNoticeLost(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	maskWith(t, config.MaskIdentities, store, noticeOf("hq"))
	if err := os.Truncate(filepath.Join(store, "mask", "site-hq.age"), 30); err != nil {
		t.Fatal(err)
	}
	if n, all := maskWith(t, config.MaskIdentities, store, noticeOf("hq")); strings.Contains(all, "SEP00") || strings.Contains(all, "expc01") || !strings.Contains(n.Text, "withheld") {
		t.Error(all)
	}
	if n, _ := maskWith(t, config.MaskIdentities, store, noticeOf("branch")); strings.Contains(n.Text, "withheld") {
		t.Error(n.Text)
	}
}

// What waits when a configuration wants more taken out goes out without it, also what an earlier
// version has kept; what less is wanted of goes as it is.
func TestMaskWaiting(t *testing.T) {
	t.Parallel()
	raw := channel.Told(time.Now(), channel.KindSealed, *noticeOf("headquarters").Incident)
	for name, c := range map[string]struct {
		was, is string
		earlier bool
		left    bool
	}{
		"more is wanted":     {was: config.MaskNone, is: config.MaskIdentities},
		"of a version early": {was: config.MaskNone, is: config.MaskIdentities, earlier: true},
		"identities at last": {was: config.MaskCredentials, is: config.MaskIdentities},
		"less is wanted":     {was: config.MaskNone, is: config.MaskNone, left: true},
	} {
		t.Run(name, func(t *testing.T) {
			store, got := t.TempDir(), make(chan channel.Notice, 1)
			with := func(strength string) *channel.Dispatcher {
				d := &channel.Dispatcher{Log: slog.New(slog.DiscardHandler), Mask: masking(&config.Config{Notify: &config.Notify{Mask: strength}}, store),
					Boxes: []*channel.Outbox{{Name: "mail", Dir: filepath.Join(store, "outbox", "mail"), Channel: takes(got)}}}
				if err := d.Open(); err != nil {
					t.Fatal(err)
				}
				return d
			}
			if err := with(c.was).Notify(raw); err != nil {
				t.Fatal(err)
			}
			if c.earlier {
				list, err := filepath.Glob(filepath.Join(store, "outbox", "mail", "*-sealed-*.json"))
				if err != nil || len(list) != 1 {
					t.Fatal(list, err)
				}
				if err := (atomicfile.JSON[channel.Notice]{Path: list[0]}).Save(raw); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { with(c.is).Boxes[0].Deliver(ctx) })
			n := <-got
			cancel()
			wg.Wait()
			if all := string(sent(t, n)); n.ID != raw.ID || strings.Contains(all, "10.0.30.2") != c.left || strings.Contains(all, "cucm01") != c.left {
				t.Errorf("%s", all)
			}
		})
	}
}

// takes is a channel that hands on what it is to send.
type takes chan channel.Notice

func (c takes) Send(_ context.Context, n channel.Notice) error {
	c <- n
	return nil
}
