package ring_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/fetch/ring"
)

const sec = time.Second

// A file takes longer to come than the ring keeps anything: a slow line.
func TestBreakRingSlowLine(t *testing.T) {
	w := fetchtest.NewWorld(t)
	var later atomic.Int64
	c := &conntest.Hook{}
	r := newRing(t, w.Dir, c)
	r.SetNow(func() time.Time { return w.Now.Add(time.Duration(later.Load())) })
	w.Put("network_log.1", w.Text(600*sec, 300*sec)+strings.Repeat(strings.Repeat("y", 999)+"\n", 10<<10), 300*sec)
	w.Put("network_log", w.Text(300*sec, 0), 0)
	c.OnRead = func() { later.Add(int64(10 * time.Minute)) }
	r.SetRate(1 << 40)
	step(t, r)
}

// The ring begins in the midst of a file: the first record that it wants is in it.
func TestBreakRingFirstRecord(t *testing.T) {
	w := fetchtest.NewWorld(t)
	r := newRing(t, w.Dir, &conntest.Local{})
	r.Keep = 10 * time.Minute
	r.SetNow(func() time.Time { return w.Now })
	w.Put("network_log", w.Text(1200*sec, 0), 0)
	step(t, r)
	w.Remove("network_log")
	w.Put("network_log", "", 0)
	g := grabtest.New(t, w.Dir, &conntest.Local{})
	g.Ring = r.Dir
	asked := w.Window(600*sec, 0)
	honestIn(w, g, passOf(w, g, asked), asked)
}

// taken is how many bytes the frames of a ring have.
func taken(t *testing.T, r *ring.Keeper) (n int64) {
	t.Helper()
	l, err := ring.Open(filepath.Join(r.Dir, "network_log"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n = l.Taken()
	return n
}

// A log that is quiet has nothing in it that is young enough: nothing of it is taken.
func TestBreakRingQuietLog(t *testing.T) {
	w := fetchtest.NewWorld(t)
	r := newRing(t, w.Dir, &conntest.Local{})
	r.Keep = 10 * time.Minute
	r.SetNow(func() time.Time { return w.Now })
	w.Put("network_log", w.Text(3600*sec, 900*sec), 900*sec)
	for range 3 {
		step(t, r)
	}
	if n := taken(t, r); n > 0 {
		t.Errorf("the ring took %d bytes that are older than it keeps", n)
	}
	w.Grow("network_log", w.Text(5*sec, 0), 0)
	step(t, r)
	if n := taken(t, r); n == 0 || n > 5000 {
		t.Errorf("the ring took %d bytes of 5 records", n)
	}
	w.Remove("network_log")
	w.Put("network_log", "", 0)
	g := grabtest.New(t, w.Dir, &conntest.Local{})
	g.Ring = r.Dir
	asked := w.Window(500*sec, 0)
	honestIn(w, g, passOf(w, g, asked), asked)
}

// The line of an index that says which file frames are of is damaged.
func TestBreakRingUnknownFile(t *testing.T) {
	w := fetchtest.NewWorld(t)
	r := newRing(t, w.Dir, &conntest.Local{})
	r.Keep = 10 * time.Hour // one segment
	r.SetNow(func() time.Time { return w.Now.Add(-400 * sec) })
	w.Put("network_log", w.Text(600*sec, 400*sec), 400*sec)
	step(t, r)
	r.SetNow(func() time.Time { return w.Now })
	w.Move("network_log", "network_log.1")
	w.Put("network_log", w.Text(400*sec, 0), 0)
	step(t, r)
	w.Remove("network_log")
	w.Remove("network_log.1")
	w.Put("network_log", "", 0)
	spoilt := damaged(t, r.Dir, func(name string, b []byte) []byte {
		if strings.HasSuffix(name, ".idx") {
			lines := strings.SplitAfter(string(b), "\n")
			for i := len(lines) - 1; i >= 0; i-- {
				if strings.Contains(lines[i], `"file":{`) {
					lines[i] = "x" + lines[i][1:]
					break
				}
			}
			return []byte(strings.Join(lines, ""))
		}
		return b
	})
	asked := w.Window(500*sec, -60*sec)
	look := func() {
		t.Helper()
		g := grabtest.New(t, t.TempDir(), nil)
		g.Ring, g.Host.Dial = spoilt, func(context.Context) (hostconn.Conn, error) { return nil, errors.New("no route to host") }
		row, _ := g.Pass(t.Context(), asked, nil)
		honestIn(w, g, row, asked)
	}
	look()
	// another file comes in its place
	w.Put("network_log", w.Text(0, -30*sec), -30*sec)
	other := again(r, spoilt)
	release, err := other.TakeUp()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	other.SetNow(func() time.Time { return w.Now.Add(31 * sec) })
	step(t, other)
	look()
}

// A process that has not noticed the rotation writes one more record into the file
// that was the live one, when the ring has let go of it already.
func TestBreakRingLateRecord(t *testing.T) {
	w := fetchtest.NewWorld(t)
	now := w.Now.Add(-27 * sec)
	r := newRing(t, w.Dir, &conntest.Local{})
	r.SetNow(func() time.Time { return now })
	w.Put("network_log", w.Text(600*sec, 30*sec), 30*sec)
	step(t, r)
	w.Move("network_log", "network_log.1")
	w.Put("network_log", w.Text(29*sec, 27*sec), 27*sec)
	step(t, r)
	now = w.Now.Add(-10 * sec)
	w.Grow("network_log", w.Text(26*sec, 10*sec), 10*sec)
	step(t, r)
	if n := r.Held(); n != 1 {
		t.Fatalf("%d files are held", n)
	}
	now = w.Now.Add(-8 * sec)
	w.Grow("network_log.1", w.Text(9*sec, 8*sec), 8*sec)
	step(t, r)
	now = w.Now
	w.Grow("network_log", w.Text(7*sec, 0), 0)
	step(t, r)
	g := grabtest.New(t, t.TempDir(), nil)
	g.Ring, g.Host.Dial = r.Dir, func(context.Context) (hostconn.Conn, error) { return nil, errors.New("no route to host") }
	asked := w.Window(500*sec, 0)
	row, _ := g.Pass(t.Context(), asked, nil)
	honestIn(w, g, row, asked)
}
