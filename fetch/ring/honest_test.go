package ring_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
)

// damaged copies a ring's folder and lets f spoil it.
func damaged(t testing.TB, dir string, f func(name string, b []byte) []byte) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(to, "*", "0*"))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if b = f(name, b); b == nil {
			err = os.Remove(name)
		} else {
			err = os.WriteFile(name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// A ring that was cut off or spoiled anywhere: nothing wrong is handed on, all that
// lacks is said to be missing, and the ring can be taken up again.
func TestRingDamage(t *testing.T) {
	t.Parallel()
	w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 1}
	r := newRing(t, w.Dir, &conntest.Local{})
	r.Keep = 1600 * time.Millisecond // many segments
	for range 40 {
		w.Some(t, 60)
		step(t, r)
		time.Sleep(15 * time.Millisecond)
	}
	asked := evidence.NewWindow(w.At[0].Truncate(time.Millisecond), time.Now())
	segs, _ := filepath.Glob(filepath.Join(r.Dir, "*", "*.zst"))
	if len(segs) < 5 {
		t.Fatalf("only %d segments", len(segs))
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	worse := 0
	for n := range 25 {
		pick, kind := rnd.IntN(2*len(segs)), rnd.IntN(3)
		if testrace.Skips(n, 4) {
			continue
		}
		i := 0
		spoilt := damaged(t, r.Dir, func(name string, b []byte) []byte {
			if i++; i-1 != pick || len(b) == 0 {
				return b
			}
			switch kind {
			case 0:
				return b[:rnd.IntN(len(b))]
			case 1:
				b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
				return b
			}
			return nil
		})
		g := grabtest.New(t, w.Dir, &conntest.Local{})
		g.Ring = spoilt
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil {
			t.Fatal(err)
		}
		if honest(t, w, asked, row, grabtest.Slice(t, g, "network_log")) > 0 {
			worse++
		}
		other := again(r, spoilt)
		release, err := other.TakeUp()
		if err == nil {
			err = other.Increment(t.Context())
			release()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if worse == 0 {
		t.Error("no damage was ever noticed")
	}
}

// Whatever happens, in any order: increments, cut connections, restarts, rotations of
// every kind, more of them than the host keeps, a host that is there at the alert or
// not. Nothing wrong is handed on, and nothing is missing unsaid.
func TestRingHonest(t *testing.T) {
	t.Parallel()
	complete := 0
	for seed := range uint64(ringSeeds) {
		if testrace.Skips(int(seed), 5) { // the kinds of rotation take turns by four
			continue
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			if ringHonest(t, seed) {
				complete++
			}
		})
	}
	t.Logf("%d of %d are complete", complete, ringSeeds) // how many depends on how fast the machine is
}

// ringHonest is one course of events; it reports whether the slice is complete.
func ringHonest(t *testing.T, seed uint64) bool {
	rnd := rand.New(rand.NewPCG(seed, 9))
	w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 1 + rnd.IntN(3), Dated: seed%4 == 1, Copies: seed%4 == 2, Zip: seed%4 == 3}
	conn := &conntest.Local{}
	r := &ring.Keeper{Dir: filepath.Join(t.TempDir(), "ring"), Every: time.Second, Keep: time.Duration(20+rnd.IntN(200)) * time.Millisecond, MaxSize: 64 << 20,
		Host: hostconn.Host{Name: "expc01", Dir: w.Dir, Families: []string{"network_log"}, Dial: func(context.Context) (hostconn.Conn, error) { return conn, nil }}}
	if seed%3 > 0 {
		r.Keep = time.Hour
	}
	release, err := r.TakeUp()
	if err != nil {
		t.Fatal(err)
	}
	w.Some(t, 1+rnd.IntN(300))
	for range 20 {
		switch rnd.IntN(8) {
		case 0:
			w.Some(t, 200+rnd.IntN(800))
		case 1:
			conn = &conntest.Local{FailAfter: 1 + rnd.Int64N(8)}
			r.Drop()
		case 2:
			release()
			r = again(r, r.Dir)
			if release, err = r.TakeUp(); err != nil {
				t.Fatal(err)
			}
		default:
			w.Some(t, rnd.IntN(200))
		}
		if w.Dated {
			old, _ := filepath.Glob(w.Name(0) + "-*")
			for len(old) > w.Keep {
				os.Remove(old[0])
				old = old[1:]
			}
		}
		if err := r.Increment(t.Context()); err != nil {
			r.Drop()
			conn = &conntest.Local{}
		}
	}
	w.Some(t, rnd.IntN(300))
	g := grabtest.New(t, w.Dir, &conntest.Local{})
	g.Ring = r.Dir
	if seed%5 == 0 {
		g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return nil, conntest.ErrCut }
	}
	asked := evidence.NewWindow(w.At[rnd.IntN(len(w.At)/2)].Truncate(time.Millisecond), time.Now())
	row, _ := g.Pass(t.Context(), asked, nil)
	release()
	return honest(t, w, asked, row, grabtest.Slice(t, g, "network_log")) == 0 && row.Coverage == evidence.Complete
}

const ringSeeds = 16
