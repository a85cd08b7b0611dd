package notify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
)

// Of the other collectors of a fleet, its hub, the servers that notices go to and the proxies on the way nothing is
// left either, and the words of keys stay words.
func TestMaskNoticeFleet(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{Fleet: &fleetconf.Fleet{Name: "romeo1", Tenant: "oscar", Servers: []string{"tls://hub9:4222"}},
		Notify: &config.Notify{Mask: config.MaskIdentities, Webhooks: []config.Webhook{{URL: config.Address{Secret: config.NewSecret("https://hooks9/x")}}}, Mail: config.NotifyMail{To: []string{"bravo"}}},
		CUCM:   []config.CUCM{{Cluster: "ZuluPBX", Publisher: "pub1:8443", Proxy: config.Proxy{Secret: config.NewSecret("http://proxy9:3128")}}}}
	do := masking(cfg, t.TempDir()).Do
	now := time.Now()
	raws := []string{"romeo1", "romeo2", "oscar", "hub9", "hooks9", "bravo", "proxy9", "pub1", "zulupbx"}
	for key, what := range map[string]string{"fleet/silent/romeo2": "romeo2 is silent: no work of it", "fleet/name": "another calls itself romeo1, too", "fleet/hub": "the hub cannot be asked: lookup hub9: no such host; tenant oscar",
		"notice/webhook-1": "post: lookup hooks9: no such host", "notice/mail": "recipient bravo: no", "poll/ZuluPBX": "lookup proxy9: no such host", "fleet/work": "work by the hub fails: silent"} {
		raw := channel.Problems(now, []channel.Change{{Key: key, Event: channel.Began, What: what, Hint: "look at the hub", Since: now}})
		n, err := do(raw)
		if err != nil {
			t.Fatal(err)
		}
		b := string(sent(t, n))
		for _, w := range strings.FieldsFunc(strings.ToLower(b), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
			if slices.Contains(raws, w) {
				t.Errorf("%s is left in %s", w, n.Text)
			}
		}
		for _, word := range []string{"silent", "hub", "work"} {
			if strings.Contains(raw.Text, word) && !strings.Contains(n.Text, word) {
				t.Errorf("%s became %s", raw.Text, n.Text)
			}
		}
	}
}
