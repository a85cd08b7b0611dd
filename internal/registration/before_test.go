package registration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	labscenario "rtmtgrab/internal/lab/scenario"
)

// A phone of an earlier bundle stays in mind until it registers in full: nothing is called
// healthy that may hide it, whether it is in these logs or not.
func TestBefore(t *testing.T) {
	t.Parallel()
	all := labscenario.Scenarios()
	named := func(name string) labscenario.Scenario {
		i := slices.IndexFunc(all, func(sc labscenario.Scenario) bool { return sc.Name == name })
		if i < 0 {
			t.Fatalf("no scenario %s", name)
		}
		return all[i]
	}
	count := 1
	for _, c := range []struct {
		scenario string
		open     bool
	}{{"jitter", true}, {"late-then-reset", false}} {
		p := play(t, named(c.scenario))
		s, o := sources(p, true)
		bare := analyze(t, s, o)
		past := evidence.PastPhone{Device: "SEP0000000000AA", Verdict: PhoneCameBack, At: p.Since.Add(-time.Hour), Incident: "earlier"}
		if !c.open {
			past.Device = bare.Phones[slices.IndexFunc(bare.Phones, func(p Phone) bool { return p.Verdict == VerdictRecovered })].Device
		}
		o.Before, o.Alerts = []evidence.PastPhone{past}, append(o.Alerts, evidence.Alert{ID: "2", Time: p.Until, Count: &count})
		r := analyze(t, s, o)
		if (len(r.Before) == 1) != c.open || strings.Contains(r.Summary, past.Device+" came back by keep-alive") != c.open {
			t.Errorf("%s: %+v\n%s", c.scenario, r.Before, r.Summary)
		}
		if c.open && (bare.Verdict != VerdictHealthy || r.Verdict != VerdictUnknown || r.Before[0].Confidence != Likely || !strings.Contains(r.Summary, "the alert counts 1, this window shows no candidate")) {
			t.Errorf("%s: %s without and %s with it: %s", c.scenario, bare.Verdict, r.Verdict, r.Summary)
		}
	}
}
