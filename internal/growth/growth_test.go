package growth

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A world is one host with two logs, looked at each minute.
type world struct {
	State
	now  time.Time
	size map[string]int64
}

func newWorld() *world { return &world{now: start, size: map[string]int64{}} }

// minutes looks n times; those that grow do so each time.
func (w *world) minutes(n int, grow ...string) *world {
	for range n {
		w.now = w.now.Add(time.Minute)
		for _, f := range grow {
			w.size[f]++
		}
		marks := map[string]Mark{}
		for _, f := range []string{"a", "b"} {
			marks[f] = Mark{Newest: start.Add(time.Duration(w.size[f]) * time.Second), Size: w.size[f]}
		}
		w.Observe("h", w.now, marks)
	}
	return w
}

// down is time in which nobody looked.
func (w *world) down(d time.Duration) *world { w.now = w.now.Add(d); return w }

func (w *world) verdict(family string) Verdict {
	l := w.log("h", family)
	return l.now(w.wentOn("h", family, nil, l.Seen))
}

func TestVerdicts(t *testing.T) {
	both := []string{"a", "b"}
	for name, tt := range map[string]struct {
		w    *world
		want Kind
	}{
		"it always grew, and stopped":            {newWorld().minutes(100, both...).minutes(10, "b"), Stopped},
		"not for long enough":                    {newWorld().minutes(100, both...).minutes(9, "b"), Growing},
		"too little history":                     {newWorld().minutes(50, both...).minutes(30, "b"), Unknown},
		"all others stopped too":                 {newWorld().minutes(100, both...).minutes(30), Growing},
		"so they did after a clock was set back": {newWorld().minutes(100, both...).down(-48 * time.Hour).minutes(30), Growing},
		"it grew again":                          {newWorld().minutes(1000, both...).minutes(30, "b").minutes(1, both...), Growing},
		"it seldom grows":                        {newWorld().minutes(30, both...).minutes(40, "b").minutes(30, both...).minutes(30, "b"), Seldom},
		"it rests for six minutes every hour":    {rests(6), Growing},
		"time in which nobody looked is none":    {newWorld().minutes(100, both...).down(time.Hour).minutes(9, "b"), Growing},
		"and it is stopped by what was seen":     {newWorld().minutes(100, both...).minutes(5, "b").down(time.Hour).minutes(6, "b"), Stopped},
		"it grew while nobody looked":            {grewUnseen(), Growing},
		"after a week that is how it is":         {newWorld().minutes(100, both...).minutes(7*24*60+2, "b"), Unknown},
		"it never grew":                          {newWorld().minutes(200, "b"), Seldom},
		"a long history does not forget itself":  {newWorld().minutes(20*24*60, both...).minutes(10, "b"), Stopped},
	} {
		if got := tt.w.verdict("a"); got.Kind != tt.want {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
}

// rests is a log that rests now and then, which is usual for it, and has done so for half
// an hour now.
func rests(minutes int) *world {
	w := newWorld()
	for range 5 {
		w.minutes(150, "a", "b").minutes(minutes-1, "b")
	}
	return w.minutes(1, "a", "b").minutes(30, "b")
}

func grewUnseen() *world {
	w := newWorld().minutes(1000, "a", "b").minutes(8, "b").down(time.Hour)
	w.size["a"]++
	return w.minutes(9, "b")
}

// TestIn: a window without a record is judged by its own length, by how long the log
// stood still, and by growth that was seen in it.
func TestIn(t *testing.T) {
	last := func(w *world, d time.Duration) evidence.Window { return evidence.NewWindow(w.now.Add(-d), w.now) }
	frozen := newWorld().minutes(100, "a", "b").minutes(12, "b")
	growing := newWorld().minutes(100, "a", "b")
	for name, tt := range map[string]struct {
		l      *Log
		w      evidence.Window
		others bool
		want   Kind
	}{
		"a short window of a log that has stopped": {frozen.log("h", "a"), last(frozen, time.Minute), true, Stopped},
		"nothing else had records either":          {frozen.log("h", "a"), last(frozen, time.Minute), false, Growing},
		"a window longer than any pause":           {growing.log("h", "a"), evidence.NewWindow(growing.now, growing.now.Add(15*time.Minute)), true, Stopped},
		"a window no longer than a pause may be":   {growing.log("h", "a"), evidence.NewWindow(growing.now, growing.now.Add(5*time.Minute)), true, Growing},
		"it was seen to grow in the window":        {growing.log("h", "a"), evidence.NewWindow(growing.now.Add(-5*time.Minute), growing.now.Add(time.Minute)), false, Stopped},
		"nobody looked at that time":               {growing.log("h", "a"), evidence.NewWindow(start.Add(-2*time.Hour), start.Add(-time.Hour)), true, Unknown},
	} {
		if got := tt.l.in(tt.w, tt.others); got.Kind != tt.want {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
}

// TestProperties: whatever was seen, nothing is said to have stopped that the rule does
// not say it of; what has no end is remembered in one size.
func TestProperties(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w, share := newWorld(), rng.Float64()
		if seed%2 == 0 {
			share = 0.9 + 0.1*rng.Float64()
		}
		seen, grew, still, first := 0, 0, 0, true // by hand: minutes until the last growth, and since
		for range 3000 {
			if rng.IntN(500) == 0 {
				w.down(time.Duration(rng.IntN(600)+3) * time.Minute)
				first = true
			}
			grow := []string{"b"}
			if rng.Float64() < share {
				grow = append(grow, "a")
			}
			w.minutes(1, grow...)
			switch {
			case len(grow) == 2 && first:
				seen, still = seen+still, 0
			case len(grow) == 2:
				seen, grew, still = seen+still+1, grew+1, 0
			case !first:
				still++
			}
			first = false
			got := w.verdict("a")
			may := seen >= LeastMinutes && float64(grew) >= LeastShare*float64(seen) && still >= TimesUsual
			if got.Kind == Stopped && (!may || got.Still < TimesUsual*got.Usual) || got.Kind != Stopped && may && got.Usual == Unit {
				t.Fatalf("seed %d: %+v; by hand %d of %d minutes, still for %d", seed, got, grew, seen, still)
			}
			if seen+still != got.Observed {
				t.Fatalf("seed %d: %d minutes observed, by hand %d", seed, got.Observed, seen+still)
			}
		}
		if b, err := json.Marshal(w.State); err != nil || len(b) > 2000 {
			t.Errorf("seed %d: %d bytes, %v", seed, len(b), err)
		}
	}
}

func TestSteps(t *testing.T) {
	h := &Host{}
	at := start
	measure := func(after, offset time.Duration) {
		at = at.Add(after)
		h.measured(Clock{At: at, Offset: offset, Doubt: 10 * time.Millisecond})
	}
	measure(0, 0)
	measure(time.Minute, 500*time.Millisecond) // no step
	measure(time.Minute, 30*time.Second)       // a step
	measure(48*time.Hour, 90*time.Second)      // nobody knows when
	measure(time.Minute, 90*time.Second)       // nothing
	measure(12*time.Hour, 94*time.Second)      // they drift
	if len(h.Steps) != 1 || h.Steps[0].By() != 29500*time.Millisecond {
		t.Fatalf("%+v", h.Steps)
	}
	s := h.Steps[0]
	for _, w := range []struct {
		since, until time.Time
		want         int
	}{{start, s.From, 0}, {s.Until, s.Until.Add(time.Hour), 0}, {start, s.Until, 1}, {s.From.Add(time.Second), s.From.Add(2 * time.Second), 1}} {
		if got := h.stepsIn(evidence.NewWindow(w.since, w.until)); len(got) != w.want {
			t.Errorf("%v: %v", w, got)
		}
	}
	for i := range 100 {
		measure(time.Minute, time.Duration(i%2)*time.Minute)
	}
	if len(h.Steps) != mostSteps {
		t.Error(len(h.Steps))
	}
	if measure(-10*time.Minute-time.Second, 0); len(h.Steps) != 5 { // this machine's clock was set back
		t.Error(h.Steps)
	}
}

// A book outlives a restart; a damaged one is begun anew and set aside; what cannot be is
// dropped; one that is kept by nobody knows nothing.
func TestBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "growth.json")
	file := atomicfile.JSON[State]{Path: path}
	b, err := Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		at := start.Add(time.Duration(i) * time.Minute)
		b.Observe("h", at, map[string]Mark{"a": {Size: int64(min(i, 100))}, "b": {Size: int64(i)}})
		b.Measured("h", Clock{At: at})
	}
	b.Observe("gone", start, map[string]Mark{"a": {}})
	b.Keep(map[string][]string{"h": {"a", "b"}})
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(file, nil)
	if err != nil || again.Now("h", "a", nil).Kind != Stopped || again.Now("h", "b", nil).Kind != Growing || again.Now("gone", "a", nil).Observed != 0 {
		t.Errorf("%v %+v", err, again.Now("h", "a", nil))
	}
	if got, want := Read(path).Now("h", "a", nil), again.Now("h", "a", nil); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	was, _ := os.ReadFile(path)
	if err := again.Save(); err != nil { // nothing new
		t.Fatal(err)
	}
	for _, text := range []string{`{"hosts":{"h":{"logs":{"a":{"observed":-1}}},"x":null}}`, string(was[:len(was)/2]), "", "[]"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		anew, err := Open(file, nil)
		if err != nil || anew.Now("h", "a", nil) != (Verdict{Kind: Unknown}) {
			t.Errorf("%q: %v %+v", text, err, anew.Now("h", "a", nil))
		}
		if entries, _ := os.ReadDir(filepath.Dir(path)); text == "" && !strings.Contains(fmt.Sprint(entries), ".damaged-") {
			t.Errorf("it is not set aside: %v", entries)
		}
	}
	var none *Book
	if none.Now("h", "a", nil).Kind != Unknown || none.In("h", "a", evidence.Window{}, true).Kind != Unknown || none.StepsIn("h", evidence.Window{}) != nil {
		t.Error("a book that nobody keeps says something")
	}
}
