package triage

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// ev is one alert of a table: at (after t0), node, name and counter (-1: none).
type ev struct {
	at   string
	node string
	name string
	n    int
}

func (e ev) entry(i int) *entry {
	d, err := time.ParseDuration(e.at)
	if err != nil {
		panic(err)
	}
	x := &entry{id: incidenttest.AlertID(fmt.Sprint(i)), t: incidenttest.T0.Add(d), node: incident.FoldNode(e.node), name: strings.ToLower(e.name)}
	if e.n >= 0 {
		x.n = &e.n
	}
	return x
}

// planText plans from nothing and shows each alert's outcome: "A:news", "A:joined",
// "repeat", and the windows in minutes.
func planText(p incident.Policy, evs []ev) (outcomes []string, windows []string) {
	pl := newPlanner(p, nil)
	var groups []*group
	for i, e := range evs {
		v := pl.judgeEntry(e.entry(i))
		if v.g == nil {
			outcomes = append(outcomes, "repeat")
			continue
		}
		if !slices.Contains(groups, v.g) {
			groups = append(groups, v.g)
		}
		outcomes = append(outcomes, fmt.Sprintf("%c:%s", 'A'+slices.Index(groups, v.g), v.why))
	}
	for _, g := range groups {
		windows = append(windows, fmt.Sprintf("%g..%g", g.window.Since.Sub(incidenttest.T0).Minutes(), g.window.Until.Sub(incidenttest.T0).Minutes()))
	}
	return outcomes, windows
}

func TestPlanSentences(t *testing.T) {
	for _, c := range []struct {
		name    string
		evs     []ev
		want    string
		windows string
	}{
		{"one alert", []ev{{"0s", "n1", "a", 1}}, "A:news", "-15..5"},
		{"joins without news, window stays", []ev{{"0s", "n1", "a", 1}, {"3m", "n1", "a", 1}}, "A:news A:joined", "-15..5"},
		{"another node is news, window grows", []ev{{"0s", "n1", "a", 1}, {"3m", "n2", "a", 1}}, "A:news A:news", "-15..8"},
		{"another name is news", []ev{{"0s", "n1", "a", 1}, {"3m", "n1", "b", 1}}, "A:news A:news", "-15..8"},
		{"node's case is nothing", []ev{{"0s", "N1", "a", 1}, {"3m", "n1.", "A", 1}}, "A:news A:joined", "-15..5"},
		{"higher counter is news", []ev{{"0s", "n1", "a", 1}, {"3m", "n1", "a", 2}}, "A:news A:news", "-15..8"},
		{"lower counter is none, rise from it is", []ev{{"0s", "n1", "a", 5}, {"1m", "n1", "a", 3}, {"2m", "n1", "a", 4}}, "A:news A:joined A:news", "-15..7"},
		{"counters are per node", []ev{{"0s", "n1", "a", 1}, {"0s", "n2", "a", 5}, {"1m", "n1", "a", 2}}, "A:news A:news A:news", "-15..6"},
		{"no counter, no news", []ev{{"0s", "n1", "a", 1}, {"3m", "n1", "a", -1}, {"4m", "n1", "a", 1}}, "A:news A:joined A:joined", "-15..5"},
		{"a counter after none is no rise", []ev{{"0s", "n1", "a", -1}, {"3m", "n1", "a", 7}}, "A:news A:joined", "-15..5"},
		{"node unseen for a cooldown is news", []ev{{"0s", "n1", "a", 1}, {"1m", "n2", "a", 1}, {"9m", "n2", "a", 1}, {"10m", "n1", "a", 1}}, "A:news A:news A:joined A:news", "-15..15"},
		{"seen just within the cooldown is not", []ev{{"0s", "n1", "a", 1}, {"9m59s", "n1", "a", 1}}, "A:news A:joined", "-15..5"},
		{"no overlap and no news repeats", []ev{{"0s", "n1", "a", 1}, {"9m", "n1", "a", 1}, {"18m", "n1", "a", 1}, {"20m", "n1", "a", 1}, {"29m", "n1", "a", 1}}, "A:news A:joined A:joined repeat repeat", "-15..5"},
		{"silence opens another", []ev{{"0s", "n1", "a", 1}, {"25m", "n1", "a", 1}}, "A:news B:news", "-15..5 10..30"},
		{"news without overlap opens another", []ev{{"0s", "n1", "a", 1}, {"9m", "n1", "a", 1}, {"18m", "n1", "a", 1}, {"21m", "n2", "a", 1}}, "A:news A:joined A:joined B:news", "-15..5 6..26"},
		{"a union that is too long opens another", []ev{{"0s", "n1", "a", 1}, {"18m", "n2", "a", 1}, {"36m", "n3", "a", 1}, {"41m", "n4", "a", 1}}, "A:news A:news A:news B:news", "-15..41 26..46"},
		{"a union that is just not too long joins", []ev{{"0s", "n1", "a", 1}, {"18m", "n2", "a", 1}, {"36m", "n3", "a", 1}, {"40m", "n4", "a", 1}}, "A:news A:news A:news A:news", "-15..45"},
		{"a union that is too long, without news, repeats", []ev{{"0s", "n1", "a", 1}, {"18m", "n2", "a", 1}, {"36m", "n3", "a", 1}, {"41m", "n3", "a", 1}}, "A:news A:news A:news repeat", "-15..41"},
		{"half-open windows that touch do not overlap", []ev{{"0s", "n1", "a", 1}, {"20m", "n1", "a", 1}}, "A:news B:news", "-15..5 5..25"},
		{"empty fields are a node and a name", []ev{{"0s", "", "", -1}, {"1m", "", "", -1}}, "A:news A:joined", "-15..5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, win := planText(incidenttest.Policy(), c.evs)
			if got := strings.Join(out, " "); got != c.want {
				t.Errorf("outcomes: %s\nwant:     %s", got, c.want)
			}
			if got := strings.Join(win, " "); got != c.windows {
				t.Errorf("windows: %s, want %s", got, c.windows)
			}
		})
	}
}

// A storm every 30 s: the openings are at 0, 1, 3, 7, 15, 31, 55, 79 h ...
func TestPlanStorm(t *testing.T) {
	pl := newPlanner(incidenttest.Policy(), nil)
	one := 1
	var opened []float64
	groups := map[*group]bool{}
	repeats, total := 0, 0
	for at := time.Duration(0); at < 80*time.Hour; at += 30 * time.Second {
		total++
		v := pl.judgeEntry(&entry{id: incidenttest.AlertID(at.String()), t: incidenttest.T0.Add(at), node: "n", name: "a", n: &one})
		switch {
		case v.g == nil:
			repeats++
			if v.of == "" {
				t.Fatal("a repeat of nothing")
			}
		case !groups[v.g]:
			groups[v.g] = true
			opened = append(opened, at.Hours())
		}
	}
	if want := []float64{0, 1, 3, 7, 15, 31, 55, 79}; !slices.Equal(opened, want) {
		t.Errorf("opened at %v h, want %v", opened, want)
	}
	members := 0
	for g := range groups {
		members += len(g.members)
		if g.window.Length() != 20*time.Minute {
			t.Errorf("a storm without news grew a window to %s", g.window.Length())
		}
	}
	if members+repeats != total {
		t.Errorf("%d members and %d repeats of %d alerts", members, repeats, total)
	}
}

func TestPlanStormNewsResetsAgain(t *testing.T) {
	pl := newPlanner(incidenttest.Policy(), nil)
	var opened []string
	groups := map[*group]bool{}
	for at := time.Duration(0); at < 9*time.Hour; at += 30 * time.Second {
		n := 1
		if at >= 4*time.Hour {
			n = 2 // news in the middle of the storm
		}
		v := pl.judgeEntry(&entry{id: incidenttest.AlertID(at.String()), t: incidenttest.T0.Add(at), node: "n", name: "a", n: &n})
		if v.g != nil && !groups[v.g] {
			groups[v.g] = true
			opened = append(opened, fmt.Sprintf("%g:%s", at.Hours(), v.why))
		}
	}
	if got, want := strings.Join(opened, " "), "0:news 1:again 3:again 4:news 5:again 7:again"; got != want {
		t.Errorf("opened %s, want %s", got, want)
	}
}

func TestPlanIsFast(t *testing.T) {
	entries := make([]*entry, 28800)
	one := 1
	for i := range entries {
		entries[i] = &entry{id: incidenttest.AlertID(fmt.Sprint(i)), t: incidenttest.T0.Add(time.Duration(i) * 30 * time.Second), node: fmt.Sprint("n", i%10), name: "a", n: &one}
	}
	start := time.Now()
	pl := newPlanner(incidenttest.Policy(), nil)
	for _, e := range entries {
		pl.judgeEntry(e)
	}
	t.Logf("%d alerts in %s", len(entries), time.Since(start)) // what is quadratic would keep groups open
	if len(pl.open) > 4 {
		t.Errorf("%d groups are kept open", len(pl.open))
	}
}

// Started incidents stay apart, keep their window, and take late alerts.
func TestPlanStarted(t *testing.T) {
	p := incidenttest.Policy()
	at := func(min int) time.Time { return incidenttest.T0.Add(time.Duration(min) * time.Minute) }
	x := &group{key: "x", window: p.Window(at(0))}
	y := &group{key: "y", window: p.Window(at(30))}
	pl := newPlanner(p, []*group{y, x})
	e := func(min int, node, key string) *entry {
		return &entry{id: incidenttest.AlertID(fmt.Sprint(min, node)), t: at(min), node: node, name: "a", pin: pin{key, incident.WhyNews}}
	}
	if v := pl.judgeEntry(e(-4, "n0", "")); v.g != x || v.why != incident.WhyNews {
		t.Errorf("an earlier alert with news went to %+v, want x", v)
	}
	if got, want := x.window, (evidence.Window{Since: at(-19), Until: at(5)}); !incident.SameWindow(got, want) {
		t.Errorf("window %v, want it grown backwards to %v", got, want)
	}
	if v := pl.judgeEntry(e(0, "n1", "x")); v.g != x {
		t.Error("the opener of x left it")
	}
	if v := pl.judgeEntry(e(16, "n2", "")); v.g != x {
		t.Errorf("news at 16 went to %+v, want x", v)
	}
	if v := pl.judgeEntry(e(30, "n3", "y")); v.g != y {
		t.Error("the opener of y went elsewhere, though y has been started")
	}
	if len(x.members) != 3 || len(y.members) != 1 {
		t.Errorf("x has %d members, y %d", len(x.members), len(y.members))
	}
}
