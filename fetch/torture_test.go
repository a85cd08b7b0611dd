package fetch

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
)

// tortured is a laboratory's host whose SFTP passes through a tap, with 10 min of
// logs in three files a family, at rest.
func tortured(t *testing.T, tp *tap) (*lab.Expressway, *fetchtest.World) {
	t.Helper()
	w := fetchtest.NewWorld(t)
	for _, family := range []string{"network_log", "messages"} {
		w.Put(family+".2", w.Text(10*time.Minute, 7*time.Minute), 7*time.Minute)
		w.Put(family+".1", w.Text(7*time.Minute, 3*time.Minute), 3*time.Minute)
		w.Put(family, w.Text(3*time.Minute, 0), 0)
		w.At = map[int]time.Time{} // of the families one by one
	}
	cfg := lab.ExpresswayConfig{Password: "secret", Dir: w.Dir, Logs: lab.LogConfig{Families: []string{"unused_log"}}}
	if tp != nil {
		cfg.Wire = tp.wire
	}
	e, err := lab.NewExpressway(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e, w
}

// whole checks that both families' slices are what their files hold of the window:
// all of it, for the window begins before the oldest record.
func whole(t *testing.T, w *fetchtest.World, g *Grab, row evidence.Host) {
	t.Helper()
	for _, family := range g.Host.Families {
		var want []byte
		for _, name := range []string{family + ".2", family + ".1", family} {
			b, err := os.ReadFile(w.Path(name))
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, b...)
		}
		if got := slice(t, g, family); got != string(want) {
			t.Errorf("%s: %d bytes, want %d, or others", family, len(got), len(want))
		}
	}
	if f := row.Files[0]; len(f.Missing) != 1 || f.Missing[0].Reason != evidence.ReasonRotated {
		t.Errorf("missing: %+v", f.Missing)
	}
}

func grabOver(w *fetchtest.World, t *testing.T, e *lab.Expressway) (*Grab, evidence.Window) {
	g := newGrab(t, w.Dir, nil)
	g.Host.Families, g.Host.Dial = []string{"network_log", "messages"}, labConn(t, e, &hostconn.Pool{}, true)
	return g, w.Window(11*time.Minute, 0)
}

// The connection is cut at each request in turn; the next pass takes up where that
// one ended, and copies nothing again.
func TestTortureCutAtEachRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	t.Parallel()
	for n := int64(1); ; n++ {
		if testrace.Skips(int(n)-1, 7) {
			continue
		}
		var e *lab.Expressway
		var did atomic.Bool
		tp := &tap{onReq: func(i int64, _ byte) {
			if i == n {
				did.Store(true)
				e.CutAfter(0, 1)
			}
		}}
		host, w := tortured(t, tp)
		e = host
		g, asked := grabOver(w, t, e)
		_, err := g.Pass(t.Context(), asked, nil)
		cut := did.Load()
		if (err != nil) != cut && tp.requests.Load() >= n && n < 30 {
			t.Fatalf("request %d: cut %v, and the pass said %v", n, cut, err)
		}
		had := map[string]int64{}
		for name, f := range g.store.state.Families {
			for _, pc := range f.Pieces {
				had[name] += pc.Length
			}
		}
		row, err2 := g.Pass(t.Context(), asked, nil)
		if err2 != nil && err == nil && did.Load() { // it was cut when the first was as good as over
			row, err2 = g.Pass(t.Context(), asked, nil)
		}
		if err2 != nil {
			t.Fatalf("request %d: taken up: %v", n, err2)
		}
		whole(t, w, g, row)
		for name, f := range g.store.state.Families {
			var have int64
			for _, pc := range f.Pieces {
				have += pc.Length
			}
			if have < had[name] {
				t.Errorf("request %d: %s had %d bytes and has %d", n, name, had[name], have)
			}
		}
		g.Close()
		e.Close()
		if t.Failed() {
			t.Fatalf("at request %d", n)
		}
		if !did.Load() {
			if n < 20 {
				t.Errorf("a pass takes %d requests only?", n)
			}
			return
		}
	}
}

// Answers that are short, in any order, too long, or none at all.
func TestTortureAnswers(t *testing.T) {
	t.Run("short", func(t *testing.T) {
		tp := &tap{answer: func(p []byte) [][]byte {
			id, payload := data(p)
			return [][]byte{dataPacket(id, payload[:min(len(payload), 1+len(payload)/3)])}
		}}
		e, w := tortured(t, tp)
		g, asked := grabOver(w, t, e)
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil {
			t.Fatal(err)
		}
		whole(t, w, g, row)
	})
	t.Run("any order", func(t *testing.T) {
		tp := &tap{shuffle: true}
		e, w := tortured(t, tp)
		g, asked := grabOver(w, t, e)
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil {
			t.Fatal(err)
		}
		whole(t, w, g, row)
	})
	t.Run("too much", func(t *testing.T) {
		tp := &tap{answer: func(p []byte) [][]byte {
			id, payload := data(p)
			return [][]byte{dataPacket(id, append(bytes.Clone(payload), "2026-03-02T00:00:00.000+00:00 expc01 never written\n"...))}
		}}
		e, w := tortured(t, tp)
		g, asked := grabOver(w, t, e)
		row, err := g.Pass(t.Context(), asked, nil)
		for _, family := range g.Host.Families {
			if strings.Contains(slice(t, g, family), "never written") {
				t.Errorf("%s has what the host never wrote; the pass said %v", family, err)
			}
		}
		if err == nil {
			whole(t, w, g, row)
		} else if row.Coverage == evidence.Complete {
			t.Error("complete, it says")
		}
	})
}

// A host that lists and opens, and never answers a read, is given up.
func TestTortureNever(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	t.Parallel()
	tp := &tap{answer: func([]byte) [][]byte { return nil }}
	e, w := tortured(t, tp)
	g, asked := grabOver(w, t, e)
	row, err := g.Pass(t.Context(), asked, nil)
	if err == nil || row.Coverage == evidence.Complete || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("%v, %s", err, row.Coverage)
	}
}

// Many siblings: each of them held, and what is old enough left alone.
func TestTorture300Siblings(t *testing.T) {
	w := fetchtest.NewWorld(t)
	for i := 300; i > 0; i-- {
		since, until := time.Duration(i+1)*10*time.Second, time.Duration(i)*10*time.Second
		w.Put(fmt.Sprintf("network_log.%d", i), w.Text(since, until), until)
	}
	w.Put("network_log", w.Text(10*time.Second, 0), 0)
	for i := range 1000 {
		w.Put(fmt.Sprintf("foreign_%d.log", i), "2026-03-02T00:00:00.000+00:00 expc01 not ours\n", 0)
	}
	e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", Dir: w.Dir, Logs: lab.LogConfig{Families: []string{"unused_log"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	g := newGrab(t, w.Dir, nil)
	g.Host.Dial = labConn(t, e, &hostconn.Pool{}, true)
	asked := w.Window(20*time.Minute, 0)
	row := passOf(w, g, asked)
	honestIn(w, g, row, asked)
	if f := row.Files[0]; f.Coverage != evidence.Complete || f.DepthS < 3000 {
		t.Errorf("%+v", f)
	}
	if n := len(g.holder.Set("network_log").Files); n < 120 || n > 190 {
		t.Errorf("%d files are held", n) // 20 min and the 10 min before, and one older
	}
}

// A sparse file of 4 GiB, as a writer leaves it that goes on at its old place after
// its log was cut to nothing; and one whose hole lies before the window.
func TestTortureSparse(t *testing.T) {
	for _, first := range []time.Duration{0, 3 * time.Hour} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.1", w.Text(4*time.Hour, 3*time.Hour), 3*time.Hour)
		w.Put("network_log", w.Text(3*time.Hour, 3*time.Hour-first/2), 0)
		f, err := os.OpenFile(w.Path("network_log"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		tail := w.Text(3*time.Hour-first/2, 0)
		if _, err := f.WriteAt([]byte(tail), 4<<30); err != nil {
			t.Fatal(err)
		}
		f.Close()
		w.Touch("network_log", 0)
		c := &conntest.Local{}
		g := newGrab(t, w.Dir, c)
		asked := w.Window(20*time.Minute, 0)
		row := passOf(w, g, asked)
		honestIn(w, g, row, asked)
		if f := row.Files[0]; f.Coverage != evidence.Complete || f.Bytes > 1<<20 {
			t.Errorf("hole after %v: %+v", first/2, f)
		}
		if n := c.Reads.Load(); n > 500 {
			t.Errorf("hole after %v: %d reads", first/2, n)
		}
	}
}
