package registration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
)

// TestAsked: what CUCM says of a phone when it is asked, line by line: the second answer is
// proof, the first alone is not, and neither makes anything less certain.
func TestAsked(t *testing.T) {
	t.Parallel()
	// A phone of which no number but the first is seen: whether it has more lines is not known.
	unseen := labscenario.Scenario{Name: "asked", Site: mra.SiteConfig{Sets: []mra.PhoneConfig{{}, {Full: mra.FullRegister{Unseen: true}}}},
		Steps: []labscenario.Step{{After: 15 * time.Minute, Event: mra.Event{Kind: mra.LateKeepAlive, Phone: 1}}}}
	p := play(t, unseen)
	device := p.Site.Devices()[1]
	up, down := evidence.CUCMLine{Number: "7042", Status: evidence.CUCMRegistered}, evidence.CUCMLine{Number: "7043", Status: evidence.CUCMUnregistered}
	phone := func(status string, certain bool, lines ...evidence.CUCMLine) evidence.CUCMPhone {
		return evidence.CUCMPhone{Device: strings.ToLower(device), Node: "cucm01", Status: status, Certain: certain, Lines: lines}
	}
	for _, c := range []struct {
		name                 string
		said                 evidence.CUCMPhone
		verdict, sure, words string
		against              bool
	}{
		{"partial, by the second answer", phone(evidence.CUCMPartially, true, up, down), VerdictPartial, Certain, "7042 up, 7043 down", false},
		{"partial, by the first alone", phone(evidence.CUCMPartially, false, up, down), VerdictPartial, Likely, "7042 up, 7043 down", false},
		{"one line, and it is up", phone(evidence.CUCMRegistered, true, up), PhoneRegistered, Certain, "7042 up", true},
		{"all lines are up", phone(evidence.CUCMRegistered, true, up, evidence.CUCMLine{Number: "7043", Status: evidence.CUCMRegistered}), VerdictRecovered, Certain, "7043 up", true},
		{"registered, by the first alone", phone(evidence.CUCMRegistered, false, up), PhoneCameBack, Certain, "Registered", false},
		{"unknown to CUCM", phone("UnRegistered", true), PhoneCameBack, Certain, "UnRegistered", false},
	} {
		s, o := sources(p, true)
		o.Alerts = nil
		cluster := evidence.ClusterPhones{Cluster: "c", State: evidence.NamesLikely, First: p.Until.Add(-time.Minute), Phones: []evidence.CUCMPhone{c.said}}
		if c.said.Certain {
			cluster.State, cluster.Second = evidence.NamesCertain, p.Until.Add(30*time.Second)
		}
		o.Names = []evidence.ClusterPhones{cluster}
		r := analyze(t, s, o)
		ph := r.Phones[slices.IndexFunc(r.Phones, func(x Phone) bool { return x.Device == device })]
		said := ""
		for _, st := range ph.Statements {
			said += st.Text + "\n"
		}
		if ph.Verdict != c.verdict || ph.VerdictConfidence != c.sure || !strings.Contains(said, c.words) || (len(ph.Contradictions) > 0) != c.against || ph.CUCMPhone == nil {
			t.Errorf("%s: %s (%s), contradictions %q:\n%s", c.name, ph.Verdict, ph.VerdictConfidence, ph.Contradictions, said)
		}
	}
}

// TestContradicted: CUCM's record against what the Expressways' logs suggest. The records are
// made up: of a real site they would agree.
func TestContradicted(t *testing.T) {
	t.Parallel()
	sc := withTraces(labscenario.Scenario{Name: "contradicted", Steps: []labscenario.Step{{After: 15 * time.Minute, Event: mra.Event{Kind: mra.DropTCP, Phone: 1}}}}, true)
	p := play(t, sc)
	device := p.Site.Devices()[1]
	for _, c := range []struct{ name, from, to, cause string }{
		{"reset by somebody", "Reason:6,", "Reason:9,", CauseResetOrLogin},
		{"restart of CUCM", "Reason:6,", "Reason:15,", ""},
		{"login", "Reason:6,", "Reason:19,", CauseResetOrLogin},
		{"a reason without a word", "Reason:6,", "Reason:77,", CauseTCP},
		{"no reason", "Reason:6,", "Reason:0,", CauseTCP},
	} {
		s, o := sources(p, true)
		o.Alerts = nil
		o.Traces = edited(t, traces(t, p), c.from, c.to)
		r := analyze(t, s, o)
		ph := r.Phones[slices.IndexFunc(r.Phones, func(x Phone) bool { return x.Device == device })]
		against := c.cause == CauseResetOrLogin
		if c.cause != "" && ph.Cause != c.cause || (len(ph.Contradictions) > 0) != against || against && (ph.CauseConfidence != Certain || len(r.Contradictions) == 0) {
			t.Errorf("%s: %s (%s), contradictions %q", c.name, ph.Cause, ph.CauseConfidence, ph.Contradictions)
		}
		if against && !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "contradict") }) {
			t.Errorf("%s: no note says so: %q", c.name, r.Notes)
		}
	}
}
