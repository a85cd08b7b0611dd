package fetch

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
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
	"rtmtgrab/internal/evidence"
)

func newGrab(t testing.TB, dir string, conn hostconn.Conn) *Grab {
	g := &Grab{Dir: filepath.Join(t.TempDir(), "slices"), Host: hostconn.Host{Name: "expc01", Role: "C", Address: "192.0.2.1:22", Dir: dir,
		Families: []string{"network_log"}, Dial: func(context.Context) (hostconn.Conn, error) { return conn, nil }}}
	t.Cleanup(func() { g.Close() })
	return g
}

func slice(t testing.TB, g *Grab, family string) string {
	t.Helper()
	r, err := g.Open(family)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPassJoinsSiblings(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	at := func(name string) string { return filepath.Join(dir, name) }
	fetchtest.Logs(t, at("network_log.3"), now.Add(-2*time.Hour), now.Add(-time.Hour), &n)
	a := fetchtest.Logs(t, at("network_log.2"), now.Add(-time.Hour), now.Add(-40*time.Minute), &n)
	b := fetchtest.Logs(t, at("network_log.1"), now.Add(-40*time.Minute), now.Add(-10*time.Minute), &n)
	c := fetchtest.Logs(t, at("network_log"), now.Add(-10*time.Minute), now, &n)
	fetchtest.Logs(t, at("network_logs"), now.Add(-10*time.Minute), now, &n)
	fetchtest.Logs(t, at("network_log.;rm -rf"), now.Add(-3*time.Hour), now.Add(-2*time.Hour), &n)
	if err := os.Symlink("/etc/passwd", at("network_log.link")); err != nil {
		t.Fatal(err)
	}
	// .1 is being compressed: the unfinished copy must not count twice
	z, err := os.Create(at("network_log.1.gz"))
	if err != nil {
		t.Fatal(err)
	}
	zw := gzip.NewWriter(z)
	io.WriteString(zw, b[:len(b)/2])
	zw.Flush()
	z.Close()

	g := newGrab(t, dir, &conntest.Local{})
	w := evidence.NewWindow(now.Add(-50*time.Minute), now)
	held := 0
	row, err := g.Pass(t.Context(), w, func(time.Time) { held++ })
	if err != nil {
		t.Fatal(err)
	}
	want := (a + b + c)[10*60*len(fetchtest.Line(now, 1000)):]
	_ = want
	got := slice(t, g, "network_log")
	if !strings.HasSuffix(a+b+c, got) || got == "" {
		t.Errorf("the slice of %d bytes is no end of what was written", len(got))
	}
	if first := strings.SplitAfter(got, "\n")[0]; !strings.Contains(first, w.Since.Format("15:04:05.000")) {
		t.Errorf("the slice begins with %q", first)
	}
	f := row.Files[0]
	if row.Coverage != evidence.Complete || f.Coverage != evidence.Complete || len(f.Missing) > 0 || held != 1 {
		t.Errorf("coverage %s, %+v, held %d", row.Coverage, f.Missing, held)
	}
	if f.Records != 3000 || f.Bytes != int64(len(got)) || len(f.Sources) != 3 || f.Sources[0].Name != "network_log.2" {
		t.Errorf("%+v", f)
	}
}

func TestPassSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-5*time.Minute), now, &n)
	os.WriteFile(filepath.Join(dir, "developer_log"), nil, 0o600)
	fetchtest.Logs(t, filepath.Join(dir, "quiet"), now.Add(-2*time.Hour), now.Add(-time.Hour), &n)
	g := newGrab(t, dir, &conntest.Local{})
	g.Host.Families = []string{"network_log", "messages", "developer_log", "quiet"}
	w := evidence.NewWindow(now.Add(-15*time.Minute), now)
	row, err := g.Pass(t.Context(), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		coverage evidence.Coverage
		reason   string
	}{{evidence.Partial, evidence.ReasonRotated}, {evidence.Lost, evidence.ReasonAbsent}, {evidence.Lost, evidence.ReasonRotated}, {evidence.Complete, ""}} {
		f := row.Files[i]
		if f.Coverage != want.coverage || want.reason != "" && (len(f.Missing) != 1 || f.Missing[0].Reason != want.reason) {
			t.Errorf("%s: %s %+v", f.Family, f.Coverage, f.Missing)
		}
	}
	if m := row.Files[0].Missing[0]; !m.Since.Equal(w.Since) || !m.Until.Equal(now.Add(-5*time.Minute)) {
		t.Errorf("missing %+v", m)
	}
	if q := row.Files[3]; q.First != nil || q.Last != nil || q.Bytes != 0 {
		t.Errorf("quiet: %+v", q)
	}
	if row.Coverage != evidence.Partial {
		t.Error(row.Coverage)
	}
	// a window whose end has not come yet
	row, err = g.Pass(t.Context(), evidence.NewWindow(now.Add(-time.Minute), now.Add(time.Hour)), nil)
	if f := row.Files[0]; err != nil || f.Coverage != evidence.Partial || !f.Missing[0].Until.Equal(now.Add(time.Hour)) {
		t.Errorf("%v %+v", err, f.Missing)
	}
	g2 := newGrab(t, filepath.Join(dir, "nowhere"), &conntest.Local{})
	row, err = g2.Pass(t.Context(), w, nil)
	if err == nil || row.Coverage != evidence.Lost || row.Files[0].Missing[0].Reason != evidence.ReasonAbsent {
		t.Errorf("%v %+v", err, row)
	}
}

// A host whose clock is 90 s ahead: the window is shifted by what was measured.
func TestPassShiftsByMeasuredClock(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-time.Hour+90*time.Second), now.Add(90*time.Second), &n)
	w := evidence.NewWindow(now.Add(-10*time.Minute), now.Add(-5*time.Minute))
	g := newGrab(t, dir, &conntest.Local{Offset: 90 * time.Second})
	row, err := g.Pass(t.Context(), w, nil)
	if err != nil || row.Coverage != evidence.Complete || row.Files[0].Records != 300 || *row.ClockOffsetMS != 90000 {
		t.Errorf("%v %+v", err, row)
	}
	if !row.Files[0].First.Equal(w.Since.Add(90 * time.Second)) {
		t.Error(row.Files[0].First)
	}
	// unmeasured: it is ahead for certain, and that is said
	g = newGrab(t, dir, &conntest.Local{NoClock: true})
	row, err = g.Pass(t.Context(), w, nil)
	if err != nil || row.WidenedMS != 60000 || row.Coverage != evidence.Partial || row.Files[0].Missing[0].Reason != evidence.ReasonClock {
		t.Errorf("%v %+v", err, row)
	}
}

// TestRotationRace reads while files are renamed away several times a second:
// each record that existed when the files were held and lies in the window is in
// the slice, once, in order, and so is what came until the window's end.
func TestRotationRace(t *testing.T) {
	for _, kind := range []string{"numbered", "dated", "gzip", "copy"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(1, 2))
			w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 30, Dated: kind == "dated", Copies: kind == "copy", Zip: kind == "gzip"}
			stop, done := make(chan struct{}), make(chan struct{})
			w.WriteRecord(t) // before the window, however late the next one comes
			go func() {
				defer close(done)
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Duration(rnd.IntN(20000)) * time.Microsecond):
						for range 20 {
							w.WriteRecord(t)
						}
					}
				}
			}()
			time.Sleep(300 * time.Millisecond)
			conn := &conntest.Local{OnRead: func() { time.Sleep(time.Millisecond) }}
			g := newGrab(t, w.Dir, conn)
			asked := evidence.NewWindow(time.Now().Add(-250*time.Millisecond), time.Now().Add(time.Second))
			if _, err := g.Pass(t.Context(), asked, nil); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Until(asked.Until) + 50*time.Millisecond)
			row, err := g.Pass(t.Context(), asked, nil)
			close(stop)
			<-done
			if err != nil {
				t.Fatal(err)
			}
			if row.Coverage != evidence.Complete {
				t.Errorf("%s: %+v %v", row.Coverage, row.Files[0].Missing, row.Notes)
			}
			seen := map[string]int{}
			last := -1
			for _, m := range fetchtest.Marker.FindAllStringSubmatch(slice(t, g, "network_log"), -1) {
				seen[m[1]]++
				var n int
				fmt.Sscan(m[1], &n)
				if n < last {
					t.Errorf("record %d stands after %d", n, last)
				}
				last = n
			}
			missing := 0
			for n, at := range w.At {
				if asked.Contains(at.Truncate(time.Millisecond)) && seen[fmt.Sprint(n)] != 1 {
					missing++
				}
			}
			if missing > 0 || len(seen) == 0 {
				t.Errorf("%d records of the window are not there exactly once (%d are)", missing, len(seen))
			}
			t.Logf("%d records written, %d in the slice, sources %d", w.N, len(seen), len(row.Files[0].Sources))
		})
	}
}

// TestResume cuts the connection at every read, and goes on with a new Grab over
// the same folder: at the end the slice is whole and nothing is in it twice.
func TestResume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	a := fetchtest.Logs(t, filepath.Join(dir, "network_log.1"), now.Add(-4*time.Hour), now.Add(-time.Hour), &n)
	b := fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-time.Hour), now, &n)
	w := evidence.NewWindow(now.Add(-3*time.Hour), now)
	for cut := int64(1); cut < 30; cut++ {
		store := t.TempDir()
		conn := &conntest.Local{FailAfter: cut}
		pass := func(c hostconn.Conn) (evidence.Host, string, error) {
			g := newGrab(t, dir, c)
			g.Dir = store
			row, err := g.Pass(t.Context(), w, nil)
			g.Close()
			return row, slice(t, g, "network_log"), err
		}
		row, got, err := pass(conn)
		if err == nil {
			return // cut later than everything
		}
		if row.Coverage == evidence.Complete || row.Error == "" {
			t.Fatalf("cut at %d: %s %q", cut, row.Coverage, row.Error)
		}
		if !strings.Contains(a+b, got) {
			t.Fatalf("cut at %d: the slice of %d bytes is not what was written", cut, len(got))
		}
		row, got, err = pass(&conntest.Local{})
		if err != nil || row.Coverage != evidence.Complete || !strings.HasSuffix(a+b, got) || row.Files[0].Records != 3*3600 {
			t.Fatalf("cut at %d, then whole: %v %s %d records", cut, err, row.Coverage, row.Files[0].Records)
		}
	}
}

type fullFile struct{ file }

func (fullFile) WriteAt([]byte, int64) (int, error) { return 0, syscall.ENOSPC }

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-time.Hour), now, &n)
	g := newGrab(t, dir, &conntest.Local{})
	w := evidence.NewWindow(now.Add(-10*time.Minute), now)
	g.create = func(name string, flag int) (file, error) {
		f, err := os.OpenFile(filepath.Join(g.Dir, name), flag, 0o600)
		return fullFile{f}, err
	}
	row, err := g.Pass(t.Context(), w, nil)
	if !errors.Is(err, syscall.ENOSPC) || row.Files[0].Missing[0].Reason != evidence.ReasonDisk {
		t.Errorf("%v %+v", err, row.Files[0])
	}
	// what is held stays held while room is waited for
	if err := os.Remove(filepath.Join(dir, "network_log")); err != nil {
		t.Fatal(err)
	}
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now, now.Add(time.Second), &n)
	g.store.create = nil
	if row, err = g.Pass(t.Context(), w, nil); err != nil || row.Coverage != evidence.Complete {
		t.Errorf("%v %+v", err, row)
	}
}

func TestWindowGrowsBackwards(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-time.Hour), now, &n)
	g := newGrab(t, dir, &conntest.Local{})
	for _, d := range []time.Duration{10 * time.Minute, 20 * time.Minute, 5 * time.Minute} {
		row, err := g.Pass(t.Context(), evidence.NewWindow(now.Add(-d), now), nil)
		if want := int64(max(d, 20*time.Minute) / time.Second); err != nil || row.Coverage != evidence.Complete || d >= 10*time.Minute && row.Files[0].Records != int64(d/time.Second) || d < 10*time.Minute && row.Files[0].Records != want {
			t.Errorf("%v: %v %+v", d, err, row.Files[0])
		}
	}
}
