package ring_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/evidence"
)

// newRing is a ring over conn that is ready for increments by hand.
func newRing(t testing.TB, dir string, conn hostconn.Conn) *ring.Keeper {
	t.Helper()
	r := &ring.Keeper{Dir: filepath.Join(t.TempDir(), "ring"), Every: time.Second, Keep: time.Hour, MaxSize: 64 << 20,
		Host: hostconn.Host{Name: "expc01", Dir: dir, Families: []string{"network_log"}, Dial: func(context.Context) (hostconn.Conn, error) { return conn, nil }}}
	release, err := r.TakeUp()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return r
}

// again is what another process makes of a ring's folder.
func again(r *ring.Keeper, dir string) *ring.Keeper {
	return &ring.Keeper{Host: r.Host, Dir: dir, Every: r.Every, Keep: r.Keep, MaxSize: r.MaxSize}
}

func step(t testing.TB, r *ring.Keeper) {
	t.Helper()
	if err := r.Increment(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// honest sees to it that every record of the window is in the slice once and in
// order, unless its time is among those that are said to be missing, and that all of
// the slice was written.
func honest(t testing.TB, w *fetchtest.Writer, asked evidence.Window, row evidence.Host, got string) (missing int) {
	t.Helper()
	seen := map[int]int{}
	last := -1
	for _, l := range strings.SplitAfter(got, "\n") {
		if l == "" {
			continue
		}
		var n int
		m := fetchtest.Marker.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("%q was never written", l)
		}
		fmt.Sscan(m[1], &n)
		if n >= len(w.At) || fetchtest.Line(w.At[n], n) != l || n <= last {
			t.Fatalf("record %d, after %d, is not as it was written: %q", n, last, l)
		}
		last = n
		seen[n]++
	}
	for n, at := range w.At {
		at = at.Truncate(time.Millisecond)
		if !asked.Contains(at) || at.Equal(asked.Since) || seen[n] == 1 {
			continue // several records have the same millisecond, on both sides of an edge
		}
		missing++
		said := false
		for _, s := range row.Files[0].Missing {
			said = said || !at.Before(s.Since.Add(-time.Millisecond)) && !at.After(s.Until)
		}
		if !said {
			t.Fatalf("record %d of %s is missing and nothing says so: %+v, notes %v", n, at, row.Files[0].Missing, row.Notes)
		}
	}
	return missing
}

func from(row evidence.Host, what string) (n int64) {
	for _, s := range row.Files[0].Sources {
		if s.From == what {
			n += s.Length
		}
	}
	return n
}

// The host keeps two rotated files; between two increments it rotates up to twice,
// in each style. What it has no more comes from the ring, byte for byte.
func TestRingThroughRotations(t *testing.T) {
	for _, kind := range []string{"numbered", "dated", "gzip", "copy"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 2, Dated: kind == "dated", Copies: kind == "copy", Zip: kind == "gzip"}
			r := newRing(t, w.Dir, &conntest.Local{})
			w.Some(t, 10)
			rnd := rand.New(rand.NewPCG(3, 4))
			for range 25 {
				step(t, r)
				for range 4 {
					w.Some(t, rnd.IntN(150))
				}
				if kind == "dated" { // the host removes the oldest
					old, _ := filepath.Glob(w.Name(0) + "-*")
					for len(old) > 2 {
						os.Remove(old[0])
						old = old[1:]
					}
				}
			}
			g := grabtest.New(t, w.Dir, &conntest.Local{})
			g.Ring = r.Dir
			asked := evidence.NewWindow(w.At[0].Truncate(time.Millisecond), time.Now())
			row, err := g.Pass(t.Context(), asked, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := grabtest.Slice(t, g, "network_log")
			if n := honest(t, w, asked, row, got); n > 0 || row.Coverage != evidence.Complete {
				t.Errorf("%d of %d records are missing: %s %+v %v", n, w.N, row.Coverage, row.Files[0].Missing, row.Notes)
			}
			if got != w.Text(0) {
				t.Errorf("%d bytes, %d were written", len(got), len(w.Text(0)))
			}
			if from(row, "ring") == 0 || from(row, "host") == 0 || len(row.Ring) != 1 || row.Ring[0].Breaks > 0 {
				t.Errorf("%+v %+v", row.Files[0].Sources, row.Ring)
			}
			// without the ring the host alone has less, and the same bytes
			alone := grabtest.New(t, w.Dir, &conntest.Local{})
			if _, err := alone.Pass(t.Context(), asked, nil); err != nil {
				t.Fatal(err)
			}
			if less := grabtest.Slice(t, alone, "network_log"); len(less) >= len(got) || !strings.HasSuffix(got, less) {
				t.Errorf("the host alone gives %d bytes, with the ring it is %d", len(less), len(got))
			}
		})
	}
}

// What rotates away between two increments is said to be missing.
func TestRingSaysWhatItMissed(t *testing.T) {
	w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 1}
	r := newRing(t, w.Dir, &conntest.Local{})
	w.Some(t, 200)
	step(t, r)
	for range 12 { // 1200 records, 4 rotations: the host keeps one
		w.Some(t, 100)
	}
	step(t, r)
	w.Some(t, 100)
	step(t, r)
	for range 8 {
		w.Some(t, 100)
	}
	g := grabtest.New(t, w.Dir, &conntest.Local{})
	g.Ring = r.Dir
	asked := evidence.NewWindow(w.At[0].Truncate(time.Millisecond), time.Now())
	row, err := g.Pass(t.Context(), asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := honest(t, w, asked, row, grabtest.Slice(t, g, "network_log")); n == 0 || row.Coverage != evidence.Partial || row.Ring[0].Breaks != 1 {
		t.Errorf("%d missing, %s, %+v", n, row.Coverage, row.Ring)
	}
}

// The host cannot be reached at the alert: what the ring has is in the slice, in
// whole records, and the rest is missing.
func TestRingWithoutHost(t *testing.T) {
	w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 1}
	r := newRing(t, w.Dir, &conntest.Local{})
	for range 10 {
		w.Some(t, 100)
		step(t, r)
	}
	w.File.WriteString(fetchtest.Line(time.Now(), 1000)[:50]) // a record that is being written
	step(t, r)
	g := grabtest.New(t, w.Dir, nil)
	g.Ring = r.Dir
	down := errors.New("no route to host")
	g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return nil, down }
	asked := evidence.NewWindow(w.At[0].Truncate(time.Millisecond), time.Now().Add(time.Second))
	row, err := g.Pass(t.Context(), asked, nil)
	if !errors.Is(err, down) || row.Error == "" || row.Coverage != evidence.Partial {
		t.Fatalf("%v %s %q", err, row.Coverage, row.Error)
	}
	if got := grabtest.Slice(t, g, "network_log"); got != w.Text(0) {
		t.Errorf("%d bytes, %d were written", len(got), len(w.Text(0)))
	}
	if m := row.Files[0].Missing; len(m) != 1 || m[0].Reason != evidence.ReasonUnreachable {
		t.Errorf("%+v", m)
	}
	// it comes back: what lacked is taken from it, and nothing twice
	w.File.WriteString(fetchtest.Line(time.Now(), 1000)[50:])
	w.At = append(w.At, time.Now())
	g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return &conntest.Local{}, nil }
	asked.Until = time.Now()
	if row, err = g.Pass(t.Context(), asked, nil); err != nil || row.Coverage != evidence.Complete {
		t.Errorf("%v %s %+v", err, row.Coverage, row.Files[0].Missing)
	}
	if got := grabtest.Slice(t, g, "network_log"); strings.Count(got, "\n") != 1001 || !strings.HasPrefix(got, w.Text(0)[:1000]) || from(row, "host") == 0 {
		t.Errorf("%d records", strings.Count(got, "\n"))
	}
}

// The host's file is not what the ring says: the host is believed.
func TestRingDisagrees(t *testing.T) {
	w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 1}
	r := newRing(t, w.Dir, &conntest.Local{})
	w.Some(t, 250)
	step(t, r)
	w.File.Close()
	b, err := os.ReadFile(w.Name(0))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-3] = 'y'
	if err := os.WriteFile(w.Name(0), b, 0o600); err != nil {
		t.Fatal(err)
	}
	g := grabtest.New(t, w.Dir, &conntest.Local{})
	g.Ring = r.Dir
	row, err := g.Pass(t.Context(), evidence.NewWindow(w.At[0].Truncate(time.Millisecond), time.Now()), nil)
	if err != nil || grabtest.Slice(t, g, "network_log") != string(b) || from(row, "ring") > 0 || !strings.Contains(strings.Join(row.Notes, ";"), "differs from the host's") {
		t.Errorf("%v %+v %v", err, row.Files[0].Sources, row.Notes)
	}
}

// Restarts and cut connections in the middle of increments lose nothing that the
// host still has, and nothing is in the ring twice.
func TestRingResumes(t *testing.T) {
	w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 3}
	conn := &conntest.Local{}
	r := &ring.Keeper{Dir: filepath.Join(t.TempDir(), "ring"), Every: time.Second, Keep: time.Hour, MaxSize: 64 << 20,
		Host: hostconn.Host{Name: "expc01", Dir: w.Dir, Families: []string{"network_log"}, Dial: func(context.Context) (hostconn.Conn, error) { return conn, nil }}}
	release, err := r.TakeUp()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { release() }()
	rnd := rand.New(rand.NewPCG(7, 8))
	cuts := 0
	for i := range 40 {
		w.Some(t, rnd.IntN(250))
		conn = &conntest.Local{FailAfter: rnd.Int64N(6)}
		if err := r.Increment(t.Context()); err != nil {
			cuts++
			conn = &conntest.Local{}
			r.Drop()
			step(t, r)
		}
		switch i % 7 {
		case 0:
			r.Drop()
		case 3: // another process
			other := again(r, r.Dir)
			if _, err := other.TakeUp(); !errors.Is(err, ring.ErrTaken) {
				t.Fatal(err)
			}
			release()
			if release, err = other.TakeUp(); err != nil {
				t.Fatal(err)
			}
			r = other
		}
	}
	g := grabtest.New(t, w.Dir, &conntest.Local{})
	g.Ring = r.Dir
	asked := evidence.NewWindow(w.At[0].Truncate(time.Millisecond), time.Now())
	row, err := g.Pass(t.Context(), asked, nil)
	if err != nil || row.Coverage != evidence.Complete || grabtest.Slice(t, g, "network_log") != w.Text(0) || cuts < 5 {
		t.Errorf("%v %s %+v %v, %d cuts", err, row.Coverage, row.Files[0].Missing, row.Notes, cuts)
	}
	var taken int64
	l, err := ring.Open(filepath.Join(r.Dir, "network_log"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken = l.Taken()
	if taken != int64(len(w.Text(0))) {
		t.Errorf("the ring took %d bytes of %d", taken, len(w.Text(0)))
	}
}

// Age and size bound the ring, and a full disk costs its oldest part only.
func TestRingBounds(t *testing.T) {
	w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 2}
	r := newRing(t, w.Dir, &conntest.Local{})
	r.MaxSize = 100 << 10
	var most int64
	for range 60 {
		for range 20 {
			w.WriteRecord(t)
			w.File.WriteString(strings.Repeat("x", rand.IntN(50)) + fmt.Sprintf("%x\n", rand.Perm(300)))
		}
		step(t, r)
		most = max(most, r.Bytes())
	}
	if most > r.MaxSize || most < r.MaxSize/2 {
		t.Errorf("up to %d bytes, at most %d are wanted", most, r.MaxSize)
	}
	l, _ := ring.Open(filepath.Join(r.Dir, "network_log"))
	since := l.Spans(0)
	l.Close()
	if len(since) != 1 || !since[0].Since.After(w.At[0]) {
		t.Errorf("%v", since)
	}
	full := 0
	r.SetWrite(func(f *os.File, b []byte) (int, error) {
		if full++; full < 4 {
			n, _ := f.Write(b[:len(b)/2])
			return n, syscall.ENOSPC
		}
		return f.Write(b)
	})
	before := r.Segments()
	for range 3 {
		w.Some(t, 20)
		if err := r.Increment(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		r.Drop()
	}
	if after := r.Segments(); after > before+1 {
		t.Errorf("%d segments, there were %d", after, before)
	}
	step(t, r)
	now := time.Now().Add(2 * time.Hour)
	r.SetNow(func() time.Time { return now })
	step(t, r)
	if n := r.Segments(); n > 1 {
		t.Errorf("%d segments after everything is too old", n)
	}
}

// In a quiet time an increment costs a listing and looks at what is held, and no read
// of what the ring has.
func TestRingSteady(t *testing.T) {
	w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 5}
	conn := &conntest.Local{}
	r := newRing(t, w.Dir, conn)
	for range 10 {
		w.Some(t, 200)
	}
	old := time.Now().Add(-time.Minute)
	for i := 1; i < 6; i++ {
		os.Chtimes(w.Name(i), old.Add(-time.Duration(i)*time.Second), old.Add(-time.Duration(i)*time.Second))
	}
	step(t, r)
	step(t, r)
	before := conn.Reads.Load()
	step(t, r)
	if n := conn.Reads.Load() - before; n > 2 || r.Held() != 1 {
		t.Errorf("%d reads, %d files held", n, r.Held())
	}
}
