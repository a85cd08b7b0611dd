package logset

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/testrace"
)

var epoch = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)

// randomLog writes records whose times wander by up to spread, some of them long
// and of several lines, behind a preamble that is no record.
func randomLog(rnd *rand.Rand, n int, spread time.Duration) []byte {
	var b bytes.Buffer
	if rnd.IntN(2) == 0 {
		b.WriteString(" the rest of a record\n\n")
	}
	t := epoch
	for i := range n {
		t = t.Add(time.Duration(rnd.Int64N(int64(2 * time.Second))))
		at := t.Add(-time.Duration(rnd.Int64N(int64(spread) + 1))).Truncate(time.Millisecond)
		fmt.Fprintf(&b, "%s expc01 tvcs: UTCTime=%q Module=\"network.sip\" Level=\"DEBUG\":  n=\"%d\"\n",
			at.Format("2006-01-02T15:04:05.000-07:00"), strings.Replace(at.Format("2006-01-02 15:04:05.000"), ".", ",", 1), i)
		for range rnd.IntN(4) {
			b.WriteString(" |body " + strings.Repeat("x", rnd.IntN(200)) + "\n")
		}
		if rnd.IntN(40) == 0 {
			b.WriteString(" " + strings.Repeat("y", rnd.IntN(40<<10)) + "\n")
		}
	}
	return b.Bytes()
}

// within lists the offsets of the records of [from, to) that lie in w.
func within(t testing.TB, log []byte, from, to int64, w evidence.Window) (offs []int64) {
	t.Helper()
	if err := eachHead(bytes.NewReader(log), 0, int64(len(log)), expressway.Ref{}, func(p point) bool {
		if p.off >= from && p.off < to && w.Contains(p.t) {
			offs = append(offs, p.off)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return offs
}

func checkLocate(t testing.TB, log []byte, w evidence.Window, linear int64) {
	t.Helper()
	defer func(old int64) { linearBelow = old }(linearBelow)
	linearBelow = linear
	size := int64(len(log))
	e, err := Locate(bytes.NewReader(log), size, w, expressway.Ref{})
	if err != nil {
		t.Fatal(err)
	}
	if e.From < 0 || e.To > size || e.From > e.To {
		t.Fatalf("range [%d, %d) of %d bytes", e.From, e.To, size)
	}
	all, got := within(t, log, 0, size, w), within(t, log, e.From, e.To, w)
	if len(all) != len(got) {
		t.Fatalf("%d of %d records of %v are in [%d, %d)", len(got), len(all), w, e.From, e.To)
	}
	if len(all) > 0 && all[0] != e.From {
		t.Errorf("the range starts at %d, its first record at %d", e.From, all[0])
	}
	err = eachHead(bytes.NewReader(log), 0, size, expressway.Ref{}, func(p point) bool {
		if p.off >= e.From && p.off < e.To && !e.Stepped && !w.Widen(Disorder).Contains(p.t) {
			t.Fatalf("record at %d, %v, is over 5 s outside %v", p.off, p.t, w)
		}
		if p.off < e.To && e.To < p.off {
			t.Fatalf("record at %d is split", p.off)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzLocate(f *testing.F) {
	f.Add(uint64(1), 0, 100)
	f.Add(uint64(2), 300, 900)
	f.Add(uint64(3), -50, 50000)
	f.Fuzz(func(t *testing.T, seed uint64, since, length int) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		log := randomLog(rnd, 50+rnd.IntN(3000), 5*time.Second)
		at := epoch.Add(time.Duration(since%4000) * time.Second)
		w := evidence.NewWindow(at, at.Add(time.Duration(max(length%4000, -length%4000))*time.Second))
		checkLocate(t, log, w, 0)
	})
}

func TestLocate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for i := range 16 {
		log := randomLog(rnd, 1+rnd.IntN(2500), 5*time.Second)
		at := epoch.Add(time.Duration(rnd.IntN(5000)-500) * time.Second)
		w := evidence.NewWindow(at, at.Add(time.Duration(rnd.IntN(1500))*time.Second))
		checkLocate(t, log, w, int64(i%2)<<20)
	}
}

func TestLocateReadsLittle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 7))
	log := randomLog(rnd, 30000, time.Second)
	r := &countingReader{r: bytes.NewReader(log)}
	w := evidence.NewWindow(epoch.Add(3*time.Hour), epoch.Add(3*time.Hour+15*time.Minute))
	e, err := Locate(r, int64(len(log)), w, expressway.Ref{})
	if err != nil || e.Empty() {
		t.Fatal(e, err)
	}
	if r.n > 1500<<10 {
		t.Errorf("read %d bytes of %d to find a window", r.n, len(log))
	}
	t.Logf("log %d bytes, window %d, read %d bytes in %d calls", len(log), e.To-e.From, r.n, r.calls)
}

type countingReader struct {
	r     *bytes.Reader
	n     int64
	calls int
	mu    sync.Mutex
}

func (c *countingReader) ReadAt(b []byte, off int64) (int, error) {
	c.mu.Lock()
	c.n += int64(len(b))
	c.calls++
	c.mu.Unlock()
	return c.r.ReadAt(b, off)
}

// A clock that was set back makes the probes contradict each other; then every
// record of the window, of both passes over it, is in the range.
func TestLocateClockStep(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 9))
	log := randomLog(rnd, 4000, time.Second)
	log = append(log, randomLog(rnd, 4000, time.Second)...)
	w := evidence.NewWindow(epoch.Add(10*time.Minute), epoch.Add(20*time.Minute))
	checkLocate(t, log, w, 0)
	checkLocate(t, log, w, 1<<30)
}

func TestLocateHole(t *testing.T) {
	testrace.Whole(t)
	rnd := rand.New(rand.NewPCG(5, 5))
	before := randomLog(rnd, 2000, 0)
	hole := make([]byte, 5<<20)
	after := bytes.ReplaceAll(randomLog(rnd, 2000, 0), []byte("2026-03-02"), []byte("2026-03-03"))
	log := slices.Concat(before, hole, after)
	for _, linear := range []int64{0, 1 << 30} {
		linearBelow = linear
		w := evidence.NewWindow(epoch, epoch.Add(48*time.Hour))
		e, err := Locate(bytes.NewReader(log), int64(len(log)), w, expressway.Ref{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(within(t, log, e.From, e.To, w)), 4000; got != want {
			t.Errorf("linear %d: %d records, want %d", linear, got, want)
		}
		checkLocate(t, log, evidence.NewWindow(epoch.Add(20*time.Hour), epoch.Add(25*time.Hour)), linear)
		checkLocate(t, log, evidence.NewWindow(epoch.Add(10*time.Minute), epoch.Add(20*time.Hour)), linear)
	}
	linearBelow = 1 << 20
}
