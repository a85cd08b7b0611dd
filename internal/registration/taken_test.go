package registration

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
)

// What the bundle has the advice does not ask for: it says what CUCM's traces show, or which part is
// missing; what a reset would destroy and is not here comes first.
func TestAdviceKnowsWhatIsHere(t *testing.T) {
	t.Parallel()
	sc := labscenario.Scenario{Name: "taken", Length: 2 * time.Minute, Level: "DEBUG", Site: mra.SiteConfig{Expires: 12 * time.Second, Phones: 1, Lines: 2, Seed: 3, Sets: make([]mra.PhoneConfig, 1)},
		Steps: []labscenario.Step{{After: 40 * time.Second, Event: mra.Event{Kind: mra.DropTCP, Where: "CUCM", For: 2 * time.Second}}}}
	p := play(t, withTraces(sc, true))
	device := p.Site.Devices()[0]
	at := p.Since.Add(50 * time.Second)
	prt := evidence.PRT{Device: strings.ToLower(device), Path: "prt/x.tar.gz", Received: at}
	hole := evidence.Span{Since: p.Since, Until: p.Until, Reason: evidence.ReasonRotated}
	for name, c := range map[string]struct {
		traces func() []TraceSource
		taken  Taken
		say    []string
		not    []string
	}{
		"nothing": {nil, Taken{CUCM: []evidence.CUCM{{Nodes: []evidence.CUCMNode{{Node: "cucm01", Error: "no route to it"}}}}},
			[]string{"First collect the phone's problem report (PRT), in CUCM by Device", "and collect CUCM's traces of that time, which could not be got (cucm01: no route to it): a reset destroys them", "Then reset"}, []string{"are here"}},
		"traces": {func() []TraceSource { return traces(t, p) }, Taken{},
			[]string{"First collect the phone's problem report (PRT)", ": a reset destroys it.", "CUCM's traces of that time are here (cucm01", "dropped the phone at", "Then reset"}, []string{"collect CUCM's traces", "destroys them"}},
		"traces and a report": {func() []TraceSource { return traces(t, p) }, Taken{PRTs: []evidence.PRT{prt, {Device: "SEP0", Path: "prt/y.tar.gz", Received: at}}},
			[]string{"problem report (PRT) of", "is here (prt/x.tar.gz)", "CUCM's traces of that time are here", "Then reset"}, []string{"First", "destroys", "prt/y"}},
		"a part of the traces": {func() []TraceSource {
			out := traces(t, p)
			for i := range out {
				out[i].Complete, out[i].Missing = false, []evidence.Span{hole}
			}
			return out
		}, Taken{PRTs: []evidence.PRT{prt}}, []string{"First collect of CUCM's traces of that time what is missing here", "rotated or never written", "of cucm01", "a reset destroys them", "Then reset"}, []string{"in CUCM by"}},
		"another node's traces": {func() []TraceSource {
			var out []TraceSource
			for _, s := range traces(t, p) {
				if s.Node != "cucm01.example.com" {
					out = append(out, s)
				}
			}
			return out
		}, Taken{}, []string{"collect CUCM's traces of that time of cucm01.example.com, which are not among those here"}, nil},
		"reset, and back": {nil, Taken{Resets: []evidence.Reset{{Device: device, By: "alice", At: at, State: evidence.ResetBack}}},
			[]string{"It was reset at", "by alice, and all its lines are registered again."}, []string{"First", "Then reset"}},
		"reset, and not back": {nil, Taken{Resets: []evidence.Reset{{Device: device, By: "alice", At: at, State: evidence.ResetNotBack, Lines: []evidence.ResetLine{{Number: "7023", Status: "UnRegistered"}}}}},
			[]string{"It was reset at", "and not all its lines came back: 7023 UnRegistered.", "First collect", "Then reset"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := sources(p, true)
			if o.Taken = c.taken; c.traces != nil {
				o.Traces = c.traces()
			}
			r := analyze(t, s, o)
			ph := r.Phones[0]
			if ph.Device != device || ph.Verdict != VerdictPartial {
				t.Fatalf("%s is %s", ph.Device, ph.Verdict)
			}
			for _, want := range c.say {
				if !strings.Contains(ph.Advice, want) || !strings.Contains(r.Groups[0].Advice, want) {
					t.Errorf("no %q: %s", want, ph.Advice)
				}
			}
			for _, no := range c.not {
				if strings.Contains(ph.Advice, no) {
					t.Errorf("%q: %s", no, ph.Advice)
				}
			}
			if reset := strings.Index(ph.Advice, "reset the phone"); reset > 0 && strings.Contains(ph.Advice[reset:], "collect") {
				t.Errorf("the reset is not the last: %s", ph.Advice)
			}
			if (ph.PRTReceived != nil) != (len(c.taken.PRTs) > 0) || len(r.PRTs) != len(c.taken.PRTs) || len(r.Resets) != len(c.taken.Resets) {
				t.Errorf("%v, %v, %v", ph.PRTReceived, r.PRTs, r.Resets)
			}
		})
	}
}
