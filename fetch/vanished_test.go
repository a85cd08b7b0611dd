package fetch

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
)

// What happens between a listing and the opening of what it listed: what is lost by it is said, in later
// passes too, in which nothing happens; what is not lost is had.
func TestAfterListing(t *testing.T) {
	zipped := func(text string) string { return string(fetchtest.Zipped(text)) }
	read := func(w *fetchtest.World, name string) string {
		b, err := os.ReadFile(w.Path(name))
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	var live, old string // of the case in hand
	for _, c := range []struct {
		name     string
		lost     bool
		listings int                      // of a pass, at most
		begin    func(w *fetchtest.World) // more than a live log and an old one
		then     func(w *fetchtest.World) // after the first listing
		always   func(w *fetchtest.World) // after each
	}{
		{name: "removed", lost: true, listings: 2, then: func(w *fetchtest.World) { w.Remove("network_log.1") }},
		{name: "removed, beside one that was compressed later", lost: true, listings: 2,
			begin: func(w *fetchtest.World) {
				w.Put("network_log.2.gz", zipped(read(w, "network_log.2")), 10*time.Second)
				w.Remove("network_log.2")
			},
			then: func(w *fetchtest.World) { w.Remove("network_log.1") }},
		{name: "compressed", listings: 3, then: func(w *fetchtest.World) {
			w.Put("network_log.1.gz", zipped(read(w, "network_log.1")), 20*time.Second)
			w.Remove("network_log.1")
		}},
		{name: "grown by a record, and compressed", listings: 3, then: func(w *fetchtest.World) {
			w.Put("network_log.1.gz", zipped(read(w, "network_log.1")+w.Text(20*time.Second, 19*time.Second)), 19*time.Second)
			w.Remove("network_log.1")
		}},
		{name: "half copied, with the time of the copy", listings: 2,
			begin: func(w *fetchtest.World) {
				live, old = read(w, "network_log"), read(w, "network_log.1")
				w.Put("network_log.1", old[:len(old)/2], 10*time.Second)
				w.Put("network_log", old, 20*time.Second)
			},
			then: func(w *fetchtest.World) {
				w.Put("network_log.1", old, 20*time.Second)
				w.Put("network_log", live, 0)
			}},
		{name: "one without records grows for ever", listings: 2,
			begin:  func(w *fetchtest.World) { w.Put("network_log.old", strings.Repeat("words\n", 20), 0) },
			always: func(w *fetchtest.World) { w.Grow("network_log.old", "words\n", 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := fetchtest.NewWorld(t)
			w.Put("network_log.2", w.Text(8*time.Minute, 5*time.Minute), 5*time.Minute)
			w.Put("network_log.1", w.Text(5*time.Minute, 20*time.Second), 20*time.Second)
			w.Put("network_log", w.Text(15*time.Second, 0), 0)
			if c.begin != nil {
				c.begin(w)
			}
			conn := &conntest.Hook{}
			conn.Listed = func(n int) {
				if n == 1 && c.then != nil {
					c.then(w)
				}
				if c.always != nil {
					c.always(w)
				}
			}
			g, asked := newGrab(t, w.Dir, conn), w.Window(7*time.Minute, 0)
			for pass := range 3 {
				was := conn.Lists
				row := passOf(w, g, asked)
				w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
				if complete := row.Coverage == evidence.Complete; complete == c.lost || conn.Lists-was > c.listings {
					t.Errorf("pass %d, listed %d times: %s %v", pass, conn.Lists-was, row.Coverage, row.Files[0].Missing)
				}
			}
			if n := len(g.store.state.family("network_log").Suspects); n > 1 {
				t.Errorf("%d suspects", n)
			}
		})
	}
}

// A clock that is far off makes a pass hold twice: what vanished the first time is not forgotten.
func TestVanishedFarClock(t *testing.T) {
	w := fetchtest.NewWorld(t)
	now := w.Now
	w.Now = w.Now.Add(3 * time.Hour)
	w.Put("network_log.2", w.Text(8*time.Minute, 5*time.Minute), 5*time.Minute)
	w.Put("network_log.1", w.Text(5*time.Minute, time.Minute), time.Minute)
	w.Put("network_log", w.Text(time.Minute, 0), 0)
	conn := &conntest.Hook{Local: conntest.Local{Offset: 3 * time.Hour}}
	conn.Listed = func(n int) {
		if n == 1 {
			w.Remove("network_log.1")
		}
	}
	if row := passOf(w, newGrab(t, w.Dir, conn), evidence.NewWindow(now.Add(-7*time.Minute), now)); row.Coverage == evidence.Complete {
		t.Errorf("complete without network_log.1: %+v", row.Files)
	}
}

// What vanished is missed too by the process that goes on after one that was killed before it had judged; a file
// that turns up again is missed by nobody.
func TestVanishedThenKilled(t *testing.T) {
	for _, back := range []bool{false, true} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.2", w.Text(8*time.Minute, 5*time.Minute), 5*time.Minute)
		old := w.Text(5*time.Minute, 20*time.Second)
		w.Put("network_log.1", old, 20*time.Second)
		w.Put("network_log", w.Text(15*time.Second, 0), 0)
		conn := &conntest.Hook{}
		conn.Listed = func(n int) {
			if n == 1 {
				w.Remove("network_log.1")
			}
		}
		killed, next, asked := newGrab(t, w.Dir, conn), newGrab(t, w.Dir, &conntest.Hook{}), w.Window(7*time.Minute, 0)
		_, err := killed.Pass(t.Context(), asked, func(time.Time) {
			if err := os.CopyFS(next.Dir, os.DirFS(killed.Dir)); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if back {
			w.Put("network_log.3", old, 20*time.Second)
		}
		for range 2 {
			if row := passOf(w, next, asked); (row.Coverage == evidence.Complete) != back {
				t.Errorf("back %v: %s %v", back, row.Coverage, row.Files[0].Missing)
			}
		}
	}
}

// A host that lists ever other files, none of which can be opened, costs no memory, and is not complete.
func TestVanishedWithoutEnd(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.1", w.Text(8*time.Minute, 20*time.Second), 20*time.Second)
	w.Put("network_log", w.Text(15*time.Second, 0), 0)
	g, asked := newGrab(t, w.Dir, &conntest.Hook{}), w.Window(7*time.Minute, 0)
	if row := passOf(w, g, asked); row.Coverage != evidence.Complete {
		t.Fatalf("%s %v", row.Coverage, row.Files[0].Missing)
	}
	f := g.store.state.family("network_log")
	for i := range 2 * maxSuspects {
		f.miss(hostconn.Entry{Name: fmt.Sprintf("network_log.%d", i+2), Size: 5, MTime: w.Now.Add(-time.Hour), Regular: true})
	}
	if n := len(f.Suspects); n != maxSuspects {
		t.Errorf("%d suspects", n)
	}
	if row := passOf(w, g, asked); row.Coverage == evidence.Complete {
		t.Error("complete, and nobody knows what is not")
	}
}

// A rotor is a host on which things happen at random.
type rotor struct {
	*fetchtest.World
	mu    sync.Mutex
	rnd   *rand.Rand
	kind  string
	wrote time.Time
	left  atomic.Int32 // that may happen during a pass
}

func (r *rotor) grow(name string) {
	r.Now = r.Now.Add(time.Duration(1+r.rnd.IntN(15)) * time.Second)
	text := r.Text(r.Now.Sub(r.wrote), 0)
	r.wrote = r.Now
	r.Grow(name, text, 0)
}

func (r *rotor) often() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rnd.IntN(4) > 0 || r.left.Add(-1) < 0 {
		return
	}
	if r.rnd.IntN(2) == 0 {
		r.grow("network_log")
		return
	}
	kind := r.kind
	if kind == "mixed" {
		kind = []string{"rename", "copy", "pack", "packed later"}[r.rnd.IntN(4)]
	}
	if strings.HasPrefix(kind, "pack") && r.pack(kind == "pack") {
		return
	}
	(&restless{World: r.World}).shift()
	if kind == "copy" {
		b, _ := os.ReadFile(r.Path("network_log"))
		r.Put("network_log.1", string(b), 0)
		r.Put("network_log", "", 0)
		return
	}
	r.Move("network_log", "network_log.1")
	if r.rnd.IntN(3) == 0 {
		r.grow("network_log.1")
	}
	r.grow("network_log")
}

// pack compresses a file, which keeps its time or not.
func (r *rotor) pack(keeps bool) bool {
	for i := 1; i < 4; i++ {
		name := fmt.Sprintf("network_log.%d", i)
		b, err := os.ReadFile(r.Path(name))
		if err != nil || r.rnd.IntN(2) == 0 {
			continue
		}
		age := time.Duration(0)
		if fi, err := os.Stat(r.Path(name)); err == nil && keeps {
			age = r.Now.Sub(fi.ModTime())
		}
		r.Put(name+".gz", string(fetchtest.Zipped(string(b))), age)
		r.Remove(name)
		return true
	}
	return false
}

// Whatever a host does to its logs that forgets none of them, twice while a pass lists and opens: each
// record of the window is in the slice, once.
func TestNothingForgotten(t *testing.T) {
	for _, kind := range []string{"rename", "copy", "pack", "packed later", "mixed"} {
		for seed := range uint64(40) {
			if testrace.Skips(int(seed), 6) {
				continue
			}
			r := &rotor{World: fetchtest.NewWorld(t), rnd: rand.New(rand.NewPCG(seed, 99)), kind: kind}
			r.Put("network_log.2", r.Text(8*time.Minute, 5*time.Minute), 5*time.Minute)
			r.Put("network_log.1", r.Text(5*time.Minute, time.Minute), time.Minute)
			r.Put("network_log", r.Text(time.Minute, 0), 0)
			asked := r.Window(7*time.Minute, 0)
			r.wrote = r.Now
			conn := &conntest.Hook{OnList: func(int) { r.often() }, OnOpen: func(string) error { r.often(); return nil }}
			g := newGrab(t, r.Dir, conn)
			g.now = func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.Now.Add(time.Second) }
			for range 3 {
				r.left.Store(2)
				row, err := g.Pass(t.Context(), asked, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Honest(row, asked, func(f string) string { return slice(t, g, f) })
				if row.Coverage != evidence.Complete || t.Failed() {
					t.Fatalf("%s, seed %d: %s %v", kind, seed, row.Coverage, row.Files[0].Missing)
				}
			}
			g.Close()
		}
	}
}
