package main_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"rtmtgrab/internal/app/fleetview"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/sight"
	"rtmtgrab/internal/incident"
)

// TestGoldenFleet pins what scripts read of a fleet, and what collectors of several versions say to
// each other. TestFleetSeen has the program write it.
func TestGoldenFleet(t *testing.T) {
	t.Parallel()
	doc := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	now := time.Now().UTC()
	word := fleet.Status{Collector: "dmz-a", Instance: "1", Version: "1.5", Started: now, Sent: now, State: fleet.StateProblems, Problems: 1, Keys: []string{"disk"}, Sites: []fleet.SiteWord{{Site: "hq", Planned: true}}, AllSites: 1}
	goldenType(t, "hub-status", reflect.TypeFor[sight.Overview](), doc(sight.Overview{Collectors: []sight.Collector{}, Sites: []sight.Site{}}),
		doc(sight.Overview{Works: true, Now: now, Collectors: []sight.Collector{{Name: "dmz-a", State: "problems", AgeS: 12.5, Since: now, Word: &word, Sites: []string{"hq"}}, {Name: "dmz-b", State: sight.Silent, Since: now, Told: "dmz-a"}},
			Sites: []sight.Site{{Site: "hq", Planned: true, Collectors: []string{"dmz-a"}, Working: []string{}}}}))

	v := fleet.Verdict{Incident: "20260302T141407Z-hq-3fa2c1", Site: "hq", Collector: "dmz-a", Kind: "alert", Revision: 1, Window: evidence.NewWindow(now.Add(-time.Hour), now), Sealed: now, Coverage: evidence.Complete, Verdict: "partial",
		Cause: "tcp_dropped", Phones: 2, Names: []string{"SEP00EBD5D5D8C6"}, Bundle: "/var/lib/grab/bundles/x.zip", At: now, TimeZone: "America/New_York", Counts: map[string]int{"partial": 2}, HandTo: []string{"analysts"}, Bytes: 9}
	goldenType(t, "fleet-verdict", reflect.TypeFor[fleet.Verdict](), doc(v), doc(fleet.Verdict{Unclaimed: true}))
	goldenType(t, "fleet-status", reflect.TypeFor[fleet.Status](), doc(word))
	goldenType(t, "fleet-presence", reflect.TypeFor[fleet.Presence](), doc(fleet.Presence{Collector: "dmz-a", State: fleet.Silent, Since: now, Notifier: "dmz-b", Told: now}))
	goldenType(t, "list-fleet", reflect.TypeFor[[]fleetview.Row](), "[]", doc([]fleetview.Row{fleetview.RowOf(v), {State: incident.Sealed, Unclaimed: true}}))
	goldenType(t, "now-at-site", reflect.TypeFor[fleet.Grabbed](), doc(fleet.NewGrabbed(v, evidence.Manifest{Hosts: []evidence.Host{{Host: "expc01", Coverage: evidence.Partial, Error: "no answer"}}})))
}
