package fetch

import (
	"context"
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

// A restless is a host whose log grows, by half records too, and is rotated, copied and cut off or packed, also while it
// is looked at; every file begins with the same heading.
type restless struct {
	*fetchtest.World
	rnd     *rand.Rand
	heading string
	wrote   time.Time // until then there are records

	mu   sync.Mutex
	half string // of a record, or of the heading, to be written yet
}

func (r *restless) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Now.Add(-2 * time.Second) // the record of which half is written is of a second ago
}

// some has something happen.
func (r *restless) some() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Grow("network_log", r.half, 0)
	r.half = ""
	switch r.rnd.IntN(6) {
	case 0, 1, 2:
		r.Now = r.Now.Add(time.Duration(1+r.rnd.IntN(30)) * time.Second)
		text := r.Text(r.Now.Sub(r.wrote), 0)
		r.wrote = r.Now
		r.write(text)
	case 3:
		r.shift()
		r.Move("network_log", "network_log.1")
		r.write(r.heading)
	case 4:
		r.shift()
		b, err := os.ReadFile(r.Path("network_log"))
		if err != nil {
			r.TB.Error(err)
		}
		r.Put("network_log.1", string(b), 0)
		r.Put("network_log", "", 0)
		r.write(r.heading)
	case 5:
		b, err := os.ReadFile(r.Path("network_log.2"))
		if err == nil {
			i, _ := os.Stat(r.Path("network_log.2"))
			r.Put("network_log.2.gz", string(fetchtest.Zipped(string(b))), r.Now.Sub(i.ModTime()))
			r.Remove("network_log.2")
		}
	}
}

// write writes a text, or the most of it.
func (r *restless) write(text string) {
	if r.rnd.IntN(2) == 0 {
		cut := len(text) - r.rnd.IntN(min(len(text), 150)+1)
		text, r.half = text[:cut], text[cut:]
	}
	r.Grow("network_log", text, 0)
}

func (r *restless) shift() {
	for n := 9; n > 0; n-- {
		for _, gz := range []string{"", ".gz"} {
			if from := fmt.Sprintf("network_log.%d%s", n, gz); exists(r.Path(from)) {
				r.Move(from, fmt.Sprintf("network_log.%d%s", n+1, gz))
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Whatever happens to logs that begin alike, between looks at them and under the hand, each record of the window
// is in the slice once or said to be missing.
func TestRestlessAlike(t *testing.T) {
	for i := range 50 {
		if testrace.Skips(i, 6) {
			continue
		}
		seed, most := uint64(i), int32(1) // of what happens during a pass
		if i >= 30 {
			seed, most = uint64(i+110), 4
		}
		rnd := rand.New(rand.NewPCG(seed, 11))
		heading := strings.Repeat("=", []int{0, 30, 90, 200, 300, 700, 3500}[rnd.IntN(7)]) + "\n"
		r := &restless{World: fetchtest.NewWorld(t), rnd: rnd, heading: heading}
		begin := r.Now
		r.wrote = begin
		r.Put("network_log", heading+r.Text(5*time.Minute, 0), 0)
		asked := evidence.NewWindow(begin.Add(-4*time.Minute), begin.Add(time.Duration(rnd.IntN(300))*time.Second))
		var left atomic.Int32 // that may happen during a pass
		often := func() {
			r.mu.Lock()
			do := r.rnd.IntN(4) == 0
			r.mu.Unlock()
			if do && left.Add(-1) >= 0 {
				r.some()
			}
		}
		conn := &conntest.Hook{OnList: func(int) { often() }, OnStat: func(*conntest.HookHandle) { often() }, OnOpen: func(string) error { often(); return nil }}
		g := newGrab(t, r.Dir, conn)
		g.now = r.now
		for range 2 + rnd.IntN(6) {
			for range rnd.IntN(6) {
				r.some()
			}
			switch rnd.IntN(5) {
			case 0:
				g.holder.Drop(true)
			case 1:
				dir := g.Dir
				g.Close()
				g = newGrab(t, r.Dir, conn)
				g.Dir, g.now = dir, r.now
			}
			g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return conn, nil }
			left.Store(most)
			row, err := g.Pass(t.Context(), asked, nil)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			r.mu.Lock()
			r.Honest(row, asked, func(f string) string { return slice(t, g, f) })
			r.mu.Unlock()
		}
		if t.Failed() {
			t.Fatalf("seed %d, a heading of %d bytes", seed, len(heading))
		}
	}
}
