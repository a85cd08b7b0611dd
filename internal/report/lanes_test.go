package report

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A gap that was too long is on time up to the time when the REGISTER was due, which is
// marked, and late from there on; with a report of today and of an earlier version.
func TestLateLane(t *testing.T) {
	for name, w := range map[string]*world{"new": onePhone(), "older": onePhone().older()} {
		pic := newPage(w.r, w.text).Picture
		l := pic.Blocks[0].Lanes[0]
		var classes []string
		for _, b := range l.Bands {
			classes = append(classes, b.Class)
		}
		if got := strings.Join(classes, " "); got != "wait late partial" {
			t.Fatalf("%s: the bands are %s", name, got)
		}
		due := slices.IndexFunc(l.Marks, func(m mark) bool { return m.Sign == "due" })
		if due < 0 || l.Marks[due].X != l.Bands[1].X || l.Marks[due+1].Sign != "back" || l.Marks[due+1].X != l.Bands[2].X {
			t.Errorf("%s: bands %+v, marks %+v", name, l.Bands, l.Marks)
		}
	}
}

// What happened to a connection is marked once, not on every phone that it carried.
func TestOneMarkPerEvent(t *testing.T) {
	w := dropped(30, 40)
	later := w.r.Connections[0].Closed.Add(3 * time.Minute)
	again := w.connection("10.0.30.2:26000", later, "Connection timed out")
	again.Devices = w.r.Connections[0].Devices
	pic := newPage(w.r, w.text).Picture
	b := pic.Blocks[0]
	if b.Event == nil || len(b.Over) != 1 || !strings.Contains(b.Over[0].Title, "Connection timed out") || !b.Event.Left {
		t.Fatalf("event %+v, over it %+v", b.Event, b.Over)
	}
	for _, l := range b.Lanes {
		if slices.ContainsFunc(l.Marks, func(m mark) bool { return m.Sign == "tcp" }) {
			t.Errorf("%s has a mark of its own", l.Title)
		}
	}
	if pic.Left != 10 || len(b.Lanes) != 30 || b.More != 0 {
		t.Errorf("%d lanes, %d more, %d left out", len(b.Lanes), b.More, pic.Left)
	}
	if all := newPage(dropped(400, 400).r, nil).Picture.Blocks[0]; len(all.Lanes) != maxLanes || all.More != 360 {
		t.Errorf("of 400 phones %d are drawn, %d not", len(all.Lanes), all.More)
	}
}
