package scenario

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
)

// played plays a scenario of the table.
func played(t *testing.T, name string) *Played {
	t.Helper()
	all := Scenarios()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("there is no scenario %s", name)
	}
	return play(t, all[i])
}

var branchRE = regexp.MustCompile(`\|REGISTER (?:.*\n )Via: ([^\n]*)`)

// TestRepeated: a message that is sent again is the same message, and is answered once.
func TestRepeated(t *testing.T) {
	for name, where := range map[string]string{"repeat-c": "expe02 Sent 7001", "repeat-cucm": "expc02 Sent 5060", "repeat-lost-cucm": "expc02 Sent 5060"} {
		p := played(t, name)
		var host, action, port string
		fmt.Sscan(where, &host, &action, &port)
		i := slices.IndexFunc(p.peers(), func(e *lab.Expressway) bool { return e.Name() == host })
		seen := map[string]int{}
		for _, r := range lab.SplitRecords(logText(t, p.peers()[i], lab.NetworkLog)) {
			if m := branchRE.FindSubmatch(r); m != nil && bytes.Contains(r, []byte(`Action="`+action+`"`)) && bytes.Contains(r, []byte(`port="`+port+`"`)) {
				seen[string(m[1])]++
			}
		}
		most := 0
		for _, n := range seen {
			most = max(most, n)
		}
		if want := map[bool]int{true: 7, false: 4}[strings.Contains(name, "lost")]; most != want {
			t.Errorf("%s: a message was sent %d times, want %d", name, most, want)
		}
	}
}

// TestEdges: the logs' edges are between the request and its answer.
func TestEdges(t *testing.T) {
	for name, first := range map[string]bool{"edge-begin": true, "edge-end": false} {
		p := played(t, name)
		mac := strings.ToLower(p.Site.MACs()[1])
		var lines []string
		for _, r := range lab.SplitRecords(logText(t, p.C[1], lab.NetworkLog)) {
			if bytes.Contains(r, []byte("Call-ID="+mac[:8]+"-"+mac[8:])) && bytes.Contains(r, []byte("@cucm01.")) && bytes.Contains(r, []byte("=REGISTER")) && !bytes.Contains(r, []byte("Code=100")) {
				lines = append(lines, string(r))
			}
		}
		line := lines[len(lines)-1]
		if first {
			line = lines[0]
		}
		if strings.Contains(line, "Response Code=200") != first || strings.Contains(line, "Request Method=") == first {
			t.Errorf("%s: %s", name, line)
		}
	}
}

// TestHops: each kind of trouble is laid where it happened.
func TestHops(t *testing.T) {
	for name, want := range map[string]mra.Hop{"late": mra.HopPhone, "late-before-e": mra.HopE, "late-before-c": mra.HopEToC, "held-in-c": mra.HopC, "late-before-cucm": mra.HopToCUCM, "deaf-one": mra.HopCUCM, "e-408": mra.HopInE} {
		p := played(t, name)
		if got := p.Blame(1); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if p.Cut(1) {
			t.Errorf("%s: no connection closed", name)
		}
	}
	if p := played(t, "silent-nothing"); !p.Cut(0) || p.Cut(1) {
		t.Errorf("silent-nothing: the first pair's connection is the silent one")
	}
}

// TestHoles: a hole has no records, and its edges have.
func TestHoles(t *testing.T) {
	p := played(t, "hole-healthy")
	hole := p.missing("expc02")[0]
	near := 0
	for _, r := range lab.SplitRecords(logText(t, p.C[1], lab.NetworkLog)) {
		at, ok := prefixTime(r)
		if !ok {
			t.Fatalf("a record without a time: %s", r)
		}
		if !at.Before(hole.Since) && at.Before(hole.Until) {
			t.Fatalf("in the hole: %s", r)
		}
		if at.Sub(hole.Since).Abs() < time.Minute || at.Sub(hole.Until).Abs() < time.Minute {
			near++
		}
	}
	if near == 0 {
		t.Error("nothing is near the hole")
	}
}
