package masking

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/evidence"
)

// What other collectors of a fleet have to do with an incident keeps no bundle from being masked,
// and names neither them nor the site.
func TestMaskFleet(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	b := rawOf(t, brief(t), "headquarters", 1)
	b.Manifest.Alerts[0].Relay = &evidence.Relay{Site: "headquarters", Collector: "acmeberlin-seer", Seen: time.Date(2026, 3, 2, 14, 14, 0, 0, time.UTC)}
	b.Manifest.Hosts[0].Files[0].Sources[0].Collector = "acmeberlin-lender"
	b.Manifest.Notes = append(b.Manifest.Notes, "supplement of incident 20260302T141407Z-headquarters-aaaaaa of acmeberlin.other, which has its alerts: this bundle has logs that the other lacks")
	path := b.in(t, m, ".zip")
	made := m.masks(t, Request{Path: path})
	for name, text := range entries(t, made.File) {
		for _, raw := range []string{"headquarters", "acmeberlin"} {
			if i := strings.Index(strings.ToLower(string(text)), raw); i >= 0 {
				t.Errorf("%s: %s is left: %q", name, raw, text[max(0, i-60):min(len(text), i+60)])
			}
		}
	}
	man := checkMasked(t, m, made.File)
	if r := man.Alerts[0].Relay; r.Site != man.Site || r.Collector == "" || !strings.Contains(strings.Join(man.Notes, "\n"), "-"+man.Site+"-aaaaaa of ") {
		t.Errorf("%+v, %q", r, man.Notes)
	}
	if as := man.Hosts[0].Files[0].Sources[0].Collector; as == "" || as == man.Alerts[0].Relay.Collector {
		t.Errorf("the collector that lent it is called %q", as)
	}
	if again := m.masks(t, Request{Path: made.File}); again.SHA256 != made.SHA256 {
		t.Error("masked again it is another one")
	}
	if r := checkMasked(t, m, m.masks(t, Request{Path: path, Strength: mask.Credentials}).File).Alerts[0].Relay; r.Site != "headquarters" || r.Collector != "acmeberlin-seer" {
		t.Errorf("without credentials alone: %+v", r)
	}
}

// A site and a node that are called by a number have another one, and what is like it in dates and
// addresses stays.
func TestMaskNumberNames(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"10", "4711"} {
		m := newMasker(t)
		b := rawOf(t, brief(t), n, 1)
		b.Manifest.Alerts[0].Cluster, b.Manifest.Alerts[0].Node = n, n
		b.Manifest.Notes = append(b.Manifest.Notes, "after 10 min, on 2026-03-10: supplement of incident 20260302T141407Z-"+n+"-aaaaaa of acmeberlin, which has its alerts")
		made := m.masks(t, Request{Path: b.in(t, m, ".zip")})
		man := checkMasked(t, m, made.File)
		if man.Site == n || man.Alerts[0].Node == n || strings.Contains(man.Incident, "-"+n+"-") {
			t.Errorf("site %s, node %s, incident %s", man.Site, man.Alerts[0].Node, man.Incident)
		}
		last := man.Notes[len(man.Notes)-1]
		if !strings.HasPrefix(last, "after 10 min, on 2026-03-10: supplement of incident 20260302T141407Z-"+man.Site+"-aaaaaa of ") || strings.Contains(last, "acme") {
			t.Error(last)
		}
	}
}
