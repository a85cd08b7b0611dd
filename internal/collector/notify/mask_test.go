package notify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	do := masking(&config.Config{Notify: &config.Notify{Mask: strength}}, store)
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
