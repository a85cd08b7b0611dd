package fetch

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// Files that begin alike, with a heading or with the rest of a record, are told apart by the record that
// comes after it.
func TestBeginAlike(t *testing.T) {
	for _, alike := range []int{0, 100, 400, 510, 511, 512, 600, 3000, 3800} {
		w := fetchtest.NewWorld(t)
		rest := strings.Repeat("a=rtpmap:the same in every call\n", alike/32+1)[:alike]
		if alike > 0 {
			rest = rest[:alike-1] + "\n"
		}
		w.Put("network_log.2", rest+w.Text(30*time.Minute, 20*time.Minute), 20*time.Minute)
		w.Put("network_log.1", rest+w.Text(20*time.Minute, 10*time.Minute), 10*time.Minute)
		w.Put("network_log", rest+w.Text(10*time.Minute, 0), 0)
		g := newGrab(t, w.Dir, &conntest.Local{})
		asked := w.Window(25*time.Minute, 0)
		for range 2 {
			row, err := g.Pass(t.Context(), asked, nil)
			if err != nil {
				t.Fatal(err)
			}
			if row.Coverage != evidence.Complete {
				t.Errorf("%d bytes alike: %s, missing %v", alike, row.Coverage, row.Files[0].Missing)
			}
			if got := len(fetchtest.Marker.FindAllString(slice(t, g, "network_log"), -1)); got != 25*60 {
				t.Errorf("%d bytes alike: %d records, want %d", alike, got, 25*60)
			}
		}
	}
}

// So does who lends them to another collector, and who takes them.
func TestLendAlike(t *testing.T) {
	w := fetchtest.NewWorld(t)
	rest := strings.Repeat("a=rtpmap:the same in every call\n", 20)
	w.Put("network_log.1", rest+w.Text(12*time.Minute, 6*time.Minute), 6*time.Minute)
	w.Put("network_log", rest+w.Text(6*time.Minute, 0), 0)
	asked := w.Window(10*time.Minute, time.Minute)
	lender := newGrab(t, w.Dir, &conntest.Local{})
	lender.now = func() time.Time { return w.Now }
	loan := loanOf(t, lender, passOf(w, lender, asked), asked)
	g, row := unreached(t, asked)
	row, err := g.Adopt(t.Context(), row, asked, loan)
	if err != nil || row.Coverage != evidence.Complete {
		t.Fatalf("%+v, %v", row, err)
	}
	if got, want := slice(t, g, "network_log"), slice(t, lender, "network_log"); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

// What an earlier version has copied is known by its head, that was longer, and is not copied again.
func TestHeadsOfAnEarlierVersion(t *testing.T) {
	for _, length := range []int{100, 512, 4096} {
		w := fetchtest.NewWorld(t)
		text := map[string]string{"network_log.1": w.Text(20*time.Minute, 10*time.Minute), "network_log": w.Text(10*time.Minute, 0)}
		w.Put("network_log.1", text["network_log.1"], 10*time.Minute)
		w.Put("network_log", text["network_log"], 0)
		asked := w.Window(15*time.Minute, 0)
		g := newGrab(t, w.Dir, &conntest.Local{})
		passOf(w, g, asked)
		want := slice(t, g, "network_log")
		f := g.store.state.family("network_log")
		for _, e := range f.Pieces {
			e.Head = []byte(text[e.Name][:length])
		}
		if err := g.save(); err != nil {
			t.Fatal(err)
		}
		pieces := len(f.Pieces)
		later := newGrab(t, w.Dir, &conntest.Local{})
		later.Dir = g.Dir
		row := passOf(w, later, asked)
		if got := slice(t, later, "network_log"); got != want || len(later.store.state.family("network_log").Pieces) != pieces || row.Coverage != evidence.Complete {
			t.Errorf("heads of %d bytes: %d bytes, want %d: %s", length, len(got), len(want), row.Coverage)
		}
	}
}

// A file of which there is only the heading that all begin with is none of the others: here two that were begun while
// the names were read stand in the places of one that was never seen.
func TestHeadingAlone(t *testing.T) {
	for _, length := range []int{70, 91, 500, 600, 4000} {
		w := fetchtest.NewWorld(t)
		heading := strings.Repeat("=", length) + "\n"
		w.Put("network_log.1", heading+w.Text(20*time.Minute, 10*time.Minute), 10*time.Minute)
		c := &conntest.Hook{}
		g := newGrab(t, w.Dir, c)
		asked := w.Window(15*time.Minute, 0)
		passOf(w, g, asked)
		w.Move("network_log.1", "network_log.2")
		w.Put("network_log.1", heading+w.Text(10*time.Minute, 0), 0)
		w.Put("network_log", heading, 0)
		c.Listed = func(int) {
			c.Listed = nil
			for _, n := range []string{"2", "1"} {
				w.Move("network_log."+n, "network_log."+string(n[0]+1))
			}
			w.Move("network_log", "network_log.1")
			w.Put("network_log", heading, 0)
		}
		row := passOf(w, g, asked)
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
		if row.Coverage != evidence.Complete {
			t.Errorf("a heading of %d bytes: %s, missing %v", length, row.Coverage, row.Files[0].Missing)
		}
	}
}

// Of files that have only been begun several may be taken for the beginning of one: it is in the slice once, and no
// record is torn by it.
func TestHeadingOnce(t *testing.T) {
	w := fetchtest.NewWorld(t)
	heading := strings.Repeat("=", 90) + "\n"
	w.Put("network_log.1", w.Text(20*time.Minute, 10*time.Minute), 10*time.Minute)
	dir, asked := "", w.Window(15*time.Minute, 0)
	for i, text := range []string{heading, heading[:80], heading} { // by as many grabs
		if i == 2 {
			text += w.Text(10*time.Minute, 0)
		}
		w.Put("network_log", text, 0)
		g := newGrab(t, w.Dir, &conntest.Local{})
		if dir != "" {
			g.Dir = dir
		}
		dir = g.Dir
		row := passOf(w, g, asked)
		got := slice(t, g, "network_log")
		w.Honest(row, asked, func(string) string { return got })
		if strings.Contains(got, "=2") {
			t.Error("a record is torn")
		}
		if n := strings.Count(got, strings.Repeat("=", 40)); i == 2 && n != 2 {
			t.Errorf("%d halves of a heading", n)
		}
		g.Close()
	}
}

// Many files of which there is only the heading are not looked at for each other.
func TestManyHeadings(t *testing.T) {
	w := fetchtest.NewWorld(t)
	heading := strings.Repeat("=", 300) + "\n"
	const files = 60
	for i := range files {
		w.Put(fmt.Sprintf("network_log.%d", i+1), heading, time.Duration(5*60+i)*time.Second)
	}
	w.Put("network_log", heading+w.Text(5*time.Minute, 0), 0)
	var looks atomic.Int64
	g := newGrab(t, w.Dir, &conntest.Hook{OnStat: func(*conntest.HookHandle) { looks.Add(1) }})
	asked := w.Window(4*time.Minute, 0)
	for range 2 {
		looks.Store(0)
		if row := passOf(w, g, asked); row.Coverage != evidence.Complete || looks.Load() > 8*files {
			t.Errorf("%d looks at %d files: %s, missing %v", looks.Load(), files, row.Coverage, row.Files[0].Missing)
		}
	}
}

// A listing that always has files larger than they are is looked at once more, and not again and again.
func TestListedLarger(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.1", w.Text(5*time.Minute, 3*time.Minute), 3*time.Minute)
	w.Put("network_log", w.Text(3*time.Minute, 0), 0)
	conn := &conntest.Hook{Stat: func(_ string, size int64) int64 { return size - size%1000 - 1 }}
	g := newGrab(t, w.Dir, conn)
	for _, want := range []int{2, 1} { // what stayed under its name was never another
		conn.Lists = 0
		if passOf(w, g, w.Window(2*time.Minute, time.Minute)); conn.Lists != want {
			t.Errorf("the folder was listed %d times", conn.Lists)
		}
	}
}
