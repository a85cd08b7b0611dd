package fleetview

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/ask"
	"rtmtgrab/internal/fleet/sight"
)

var t0 = time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)

func wants(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestWords: what a person reads of a fleet.
func TestWords(t *testing.T) {
	word := func(problems int, keys ...string) *fleet.Status {
		return &fleet.Status{Version: "1.5", Problems: problems, Keys: keys, AllSites: 3, NotSites: 1, Open: 2, Outbox: 4}
	}
	var b strings.Builder
	o := sight.Overview{Collectors: []sight.Collector{{Name: "dmz-a", State: fleet.StateBlocked, AgeS: 12, Word: word(7, "disk", "a", "b", "c")}, {Name: "dmz-b", State: sight.Silent, Told: "dmz-a"}, {Name: "dmz-c", State: sight.Left}},
		Sites: []sight.Site{{Site: "hq", Collectors: []string{"dmz-b"}}, {Site: "far", Works: true}}}
	if err := WriteSee(&b, o); err != nil {
		t.Fatal(err)
	}
	wants(t, b.String(), "No: silent: dmz-b; an alert would lose something at dmz-a; no collector for 1 site.\n", "dmz-a      blocked  12 s ago  1.5      2 of 3  2     4        disk, a, b and 4 more\n",
		"dmz-b      silent   -         -        -       -     -        told of by dmz-a\n", "site hq: an alert would work at none of its collectors (dmz-b)\n")

	b.Reset()
	if err := WriteSee(&b, sight.Overview{}); err != nil || b.String() != "No: no collector of the tenant has said anything to this hub yet.\n" {
		t.Error(b.String(), err)
	}

	b.Reset()
	rows := []Row{RowOf(fleet.Verdict{Incident: "i1", Site: "hq", Collector: "dmz-a", Coverage: evidence.Complete, At: t0, TimeZone: "America/New_York", Verdict: "partial", Cause: "tcp_dropped", Phones: 43, Names: []string{"SEP1"}, Bundle: "/b/i1.zip"}),
		RowOf(fleet.Verdict{Incident: "i2", Site: "far", Collector: "dmz-b", Coverage: evidence.Lost, At: t0, TimeZone: "UTC", Phones: 2, Unclaimed: true})}
	if err := WriteList(&b, rows, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	wants(t, b.String(), "i1        hq    dmz-a      complete  2026-03-02 09:14:07 EST  1 h ago  partial  tcp_dropped  SEP1 and 42 more  /b/i1.zip  -\n", "-            2                 -          unclaimed: no hub could be asked\n")

	b.Reset()
	g := fleet.Grabbed{Verdict: fleet.Verdict{Incident: "i1", Collector: "dmz-a", Revision: 1, Coverage: evidence.Partial, TimeZone: "UTC", Bundle: "/b/i1.zip", Verdict: "partial"}, Hosts: []fleet.GrabbedHost{{Host: "expc01", Coverage: evidence.Lost, Error: "no answer"}}, AllHosts: 3}
	if err := WriteNow(&b, g); err != nil {
		t.Fatal(err)
	}
	wants(t, b.String(), "incident  i1, revision 1, of collector dmz-a\n", "coverage  partial\n", "  expc01  lost  no answer\n", "and 2 more\n", "verdict   partial\n", "bundle    /b/i1.zip on collector dmz-a\n")
}

// TestFailed: each way in which a grab elsewhere comes to nothing says what to do.
func TestFailed(t *testing.T) {
	for want, err := range map[string]error{
		"`grab hub status`":                    ask.ErrNobody,
		"`grab hub init`":                      ask.ErrForbidden,
		"before asking again":                  ask.ErrLost,
		"`grab check expc01` lifts the block":  &ask.Failure{Message: "x", Hint: "`grab check expc01` lifts the block", Exit: 1},
		"the grab goes on there by itself: `g": errors.Join(ask.ErrLost, errors.New("begun")),
	} {
		incident := ""
		if strings.Contains(want, "by itself") {
			incident = "i1"
		}
		if hint := advice.For(failed("hq", incident, err)); !strings.Contains(hint, want) {
			t.Errorf("%v: %q", err, hint)
		}
	}
	if err := failed("hq", "", &ask.Failure{Message: "no such host", Exit: advice.BadUsage}); advice.Exit(err) != advice.BadUsage {
		t.Error(err)
	}
	if _, err := Connect(t.Context(), &config.Config{}); advice.Exit(err) != advice.BadUsage {
		t.Error(err)
	}
}
