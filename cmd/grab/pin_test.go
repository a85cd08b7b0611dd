//go:build !windows

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/retention"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testsite"
)

// What is pinned stays while a running watch removes the rest; what was removed goes on to be
// listed and shown; a pin ends through the watch.
func TestPinAndRemoved(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.Extra = "settle: 10ms"
	c.Write()
	var ids []string
	for range 3 {
		var o oneshot.Outcome
		r := c.grab("now", "--json", "--before", "10s", "--patience", "1s")
		r.decode(t, &o)
		ids = append(ids, o.Incident)
	}
	var p retention.Pinned
	r := c.grab("pin", ids[0], "--reason", "case 4711", "--json")
	if r.decode(t, &p); r.code != 0 || !p.Pinned || !p.Changed || p.Incident != ids[0] || p.Reason != "case 4711" || len(p.Notes) > 0 {
		t.Errorf("%s %+v", r, p)
	}
	if r := c.grab("pin", ids[0], "--off", "--reason", "x"); r.code != 2 {
		t.Errorf("a reason for no pin: %s", r)
	}
	if r := c.grab("pin", "20200101T000000Z-hq-000000"); r.code != 1 || !strings.Contains(r.err, "grab list") {
		t.Errorf("of nothing: %s", r)
	}
	if r := c.grab("list"); !strings.Contains(r.out, "pinned: case 4711") {
		t.Error(r)
	}

	c.Extra = "settle: 10ms\nkeep: {age: 1ms}"
	c.Write()
	c.watching(c.Socket())
	state := map[string]incident.Listed{}
	testsite.Until(t, "what is not pinned is removed", func() bool {
		var list []incident.Listed
		json.Unmarshal([]byte(c.grab("list", "--json").out), &list)
		for _, l := range list {
			state[l.Incident] = l
		}
		return len(list) == 3 && state[ids[1]].State == incident.Removed && state[ids[2]].State == incident.Removed
	})
	if l := state[ids[0]]; l.State != incident.Sealed || !l.Pinned {
		t.Errorf("%+v", l)
	}
	if l := state[ids[1]]; l.Bundle != "" || l.RemovedAt.IsZero() || !strings.Contains(l.RemovedWhy, "keep.age") || l.Coverage == "" {
		t.Errorf("%+v", l)
	}
	if r := c.grab("list"); strings.Count(r.out, "removed ") < 2 || !strings.Contains(r.out, "older than keep.age") {
		t.Error(r)
	}
	if r := c.grab("show", ids[1]); r.code != 0 || !strings.Contains(r.out, "keep.age") || !strings.Contains(r.out, filepath.Join("custody", ids[1]+".jsonl")) {
		t.Error(r)
	}
	var left retention.Left
	r = c.grab("show", ids[1], "--json")
	if r.decode(t, &left); left.State != incident.Removed || len(left.Bundles) != 1 || len(left.Bundles[0].Later) != 1 {
		t.Errorf("%s %+v", r, left)
	}
	for _, cmd := range []string{"verify", "report", "retry", "pin"} {
		if r := c.grab(cmd, ids[1]); r.code != 1 || !strings.Contains(r.err, "was removed at") || !strings.Contains(r.err, "grab show") {
			t.Errorf("%s: %s", cmd, r)
		}
	}
	if r := c.status("it is told", func(r status.Report) bool { return r.Disk.Bundles != nil }); r.Disk.Bundles.Pinned != 1 {
		t.Errorf("%+v", r.Disk.Bundles)
	}

	bundle := state[ids[0]].Bundle
	if r := c.grab("pin", bundle, "--off"); r.code != 0 || !strings.Contains(r.out, "not pinned any more") || !strings.Contains(r.err, through) {
		t.Errorf("by its bundle, through the watch: %s", r)
	}
	if r := c.grab("verify", bundle); r.code != 0 {
		t.Error(r)
	}
	chain, err := os.ReadFile(filepath.Join(c.Dir, "store", "custody", ids[0]+".jsonl"))
	if got := string(chain); err != nil || !strings.Contains(got, `"pinned"`) || !strings.Contains(got, `"unpinned"`) || !strings.Contains(got, "case 4711") {
		t.Errorf("%s %v", got, err)
	}
}
