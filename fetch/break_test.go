package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
)

// honestIn is World.Honest of a grab's slices.
func honestIn(w *fetchtest.World, g *Grab, row evidence.Host, asked evidence.Window) {
	w.TB.Helper()
	w.Honest(row, asked, func(family string) string { return slice(w.TB, g, family) })
}

func passOf(w *fetchtest.World, g *Grab, asked evidence.Window) evidence.Host {
	w.TB.Helper()
	row, err := g.Pass(w.TB.Context(), asked, nil)
	if err != nil {
		w.TB.Fatal(err)
	}
	return row
}

// Files that came and went between two passes of one Grab leave a hole between
// what is held and what is there now.
func TestBreakRotatedAwayBetweenPasses(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(60*time.Minute, 30*time.Minute), 30*time.Minute)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	asked := w.Window(50*time.Minute, 0)
	passOf(w, g, asked)
	w.Text(30*time.Minute, 10*time.Minute) // written, rotated, gone
	w.Remove("network_log")
	w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	honestIn(w, g, passOf(w, g, asked), asked)
}

// What was cut off in the second family is missing, too.
func TestBreakTruncatedSecondFamily(t *testing.T) {
	for _, families := range [][]string{{"network_log"}, {"quiet", "network_log"}} {
		w := fetchtest.NewWorld(t)
		w.Put("quiet", w.Text(60*time.Minute, 59*time.Minute), 0)
		clear(w.At)
		w.Put("network_log.1", w.Text(60*time.Minute, 50*time.Minute), 50*time.Minute)
		w.Put("network_log", w.Text(50*time.Minute, 30*time.Minute), 30*time.Minute)
		g := newGrab(t, w.Dir, &conntest.Hook{})
		g.Host.Families = families
		asked := w.Window(55*time.Minute, 0)
		passOf(w, g, w.Window(55*time.Minute, 40*time.Minute))
		w.Put("network_log", w.Text(10*time.Minute, 0), 0) // truncated, no copy
		row := passOf(w, g, asked)
		row.Files = row.Files[len(row.Files)-1:]
		honestIn(w, g, row, asked)
	}
}

// The host's copy ends earlier than what was held: copy and truncate loses what
// came in between.
func TestBreakCopyTruncateLosesTail(t *testing.T) {
	w := fetchtest.NewWorld(t)
	head, tail := w.Text(60*time.Minute, 30*time.Minute), w.Text(30*time.Minute, 20*time.Minute)
	w.Put("network_log", head+tail, 20*time.Minute)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	asked := w.Window(55*time.Minute, 0)
	row, err := g.Pass(t.Context(), asked, func(time.Time) {
		w.Put("network_log.1", head, 20*time.Minute)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	honestIn(w, g, row, asked)
}

// A writer that does not append leaves NULs in front after each truncation: two
// files whose first 4 KiB are alike and that are not the same.
func TestBreakNULHeads(t *testing.T) {
	w := fetchtest.NewWorld(t)
	nul := strings.Repeat("\x00", 8<<10)
	w.Put("network_log.2", w.Text(60*time.Minute, 40*time.Minute), 40*time.Minute)
	w.Put("network_log.1", nul+w.Text(40*time.Minute, 30*time.Minute), 30*time.Minute)
	w.Put("network_log", nul+w.Text(30*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	asked := w.Window(50*time.Minute, 0)
	honestIn(w, g, passOf(w, g, asked), asked)
}

// Files of equal size and mtime: the handle of one that is gone must not stand
// for one that is new.
func TestBreakEqualSizeAndMTime(t *testing.T) {
	w := fetchtest.NewWorld(t)
	a, b, c := w.Text(60*time.Minute, 50*time.Minute), w.Text(50*time.Minute, 40*time.Minute), w.Text(40*time.Minute, 30*time.Minute)
	pad := func(s string) string { return s + strings.Repeat("\n", 200<<10-len(s)) }
	age := 30 * time.Minute // all within the same second, says the host
	w.Put("network_log.1", pad(a), age)
	w.Put("network_log", b, age)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	asked := w.Window(55*time.Minute, 0)
	passOf(w, g, w.Window(55*time.Minute, 45*time.Minute))
	w.Grow("network_log", pad(b)[len(b):], age)
	w.Remove("network_log.1")
	w.Move("network_log", "network_log.2")
	w.Put("network_log.1", pad(c), age)
	w.Put("network_log", w.Text(30*time.Minute, 0), 0)
	honestIn(w, g, passOf(w, g, asked), asked)
}

// A window that grows backwards is copied anew. When the connection is lost
// during that, what was got before must still be there.
func TestBreakGrowBackwardsAndLose(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(60*time.Minute, 0), 0)
	first, grown := w.Window(20*time.Minute, 0), w.Window(40*time.Minute, 0)
	for cut := int64(1); cut < 40; cut++ {
		store := t.TempDir()
		g := newGrab(t, w.Dir, &conntest.Local{})
		g.Dir = store
		passOf(w, g, first)
		g.Close()
		g = newGrab(t, w.Dir, &conntest.Local{FailAfter: cut})
		g.Dir = store
		row, err := g.Pass(t.Context(), grown, nil)
		honestIn(w, g, row, grown)
		if err == nil || t.Failed() {
			t.Logf("cut at %d", cut)
			return
		}
	}
}

// The same by a clock that is measured a second later at the second connection:
// the window has not changed, and a lost connection must not undo the first.
func TestBreakClockJitterAndLose(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(60*time.Minute, 0), 0)
	asked := w.Window(20*time.Minute, 0)
	for cut := int64(1); cut < 40; cut++ {
		store := t.TempDir()
		g := newGrab(t, w.Dir, &conntest.Local{})
		g.Dir = store
		passOf(w, g, asked)
		g.Close()
		g = newGrab(t, w.Dir, &conntest.Local{Offset: -time.Second, FailAfter: cut})
		g.Dir = store
		row, err := g.Pass(t.Context(), asked, nil)
		if row.Files[0].Records < 1200-1 {
			t.Errorf("cut at %d: %d records are left, coverage %s %v", cut, row.Files[0].Records, row.Coverage, row.Files[0].Missing)
		}
		if err == nil || t.Failed() {
			return
		}
	}
}

// A long line is no hole: all of it is in the slice.
func TestBreakLongLineIsNoGap(t *testing.T) {
	w := fetchtest.NewWorld(t)
	a := w.Text(20*time.Minute, 10*time.Minute)
	a = a[:len(a)-1] + strings.Repeat("z", 300<<10) + "\n"
	b := w.Text(10*time.Minute, 0)
	w.Put("network_log", a+b, 0)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	row := passOf(w, g, w.Window(15*time.Minute, 0))
	if got := slice(t, g, "network_log"); !strings.HasSuffix(a+b, got) || row.Coverage != evidence.Complete {
		t.Errorf("coverage %s, missing %v, though all %d bytes are there", row.Coverage, row.Files[0].Missing, len(got))
	}
}

// A gap that a later pass fills is no gap any more.
func TestBreakGapIsFilled(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.1", w.Text(60*time.Minute, 30*time.Minute), 30*time.Minute)
	w.Put("network_log", w.Text(30*time.Minute, 0), 0)
	asked := w.Window(50*time.Minute, 0)
	c := &conntest.Hook{OnOpen: func(name string) error {
		if name == "network_log.1" {
			return &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return nil
	}}
	g := newGrab(t, w.Dir, c)
	if row := passOf(w, g, asked); row.Coverage != evidence.Partial {
		t.Error(row.Coverage)
	}
	c.OnOpen = nil
	if row := passOf(w, g, asked); row.Coverage != evidence.Complete || row.Files[0].Records != 3000 {
		t.Errorf("all is there (%d records), yet %s: %v", row.Files[0].Records, row.Coverage, row.Files[0].Missing)
	}
}

// A sibling that is compressed between listing and opening is held as gzip.
func TestBreakVanishedIntoGzip(t *testing.T) {
	w := fetchtest.NewWorld(t)
	old := w.Text(60*time.Minute, 30*time.Minute)
	w.Put("network_log.1", old, 30*time.Minute)
	w.Put("network_log", w.Text(30*time.Minute, 0), 0)
	asked := w.Window(50*time.Minute, 0)
	g := newGrab(t, w.Dir, &conntest.Hook{Listed: func(n int) {
		if n == 1 {
			w.Put("network_log.1.gz", string(fetchtest.Zipped(old)), 30*time.Minute)
			w.Remove("network_log.1")
		}
	}})
	if row := passOf(w, g, asked); row.Coverage != evidence.Complete || row.Files[0].Records != 3000 {
		t.Errorf("all is there (%d records), yet %s: %v", row.Files[0].Records, row.Coverage, row.Files[0].Missing)
	}
}

// The connection is lost after a sibling could not be read: what is said of the
// part that was reached knows of that sibling.
func TestBreakUnreadableThenLost(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.2", w.Text(60*time.Minute, 40*time.Minute), 40*time.Minute)
	w.Put("network_log.1", w.Text(40*time.Minute, 30*time.Minute), 30*time.Minute)
	w.Put("network_log", w.Text(30*time.Minute, 0), 0)
	asked := w.Window(50*time.Minute, 0)
	for cut := int64(1); cut < 40; cut++ {
		c := &conntest.Hook{OnOpen: func(name string) error {
			if name == "network_log.1" {
				return &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
			}
			return nil
		}}
		c.FailAfter = cut
		g := newGrab(t, w.Dir, c)
		row, err := g.Pass(t.Context(), asked, nil)
		honestIn(w, g, row, asked)
		if err == nil || t.Failed() {
			t.Logf("cut at %d", cut)
			return
		}
	}
}

// A connection lost in the middle of a file: the slice ends with a whole record,
// and when the rest of that file is gone for good the next file's first record
// begins on a line of its own.
func TestBreakCutRecordIsGlued(t *testing.T) {
	w := fetchtest.NewWorld(t)
	a := w.Text(4*time.Hour, 30*time.Minute)
	w.Put("network_log.1", a, 30*time.Minute)
	b := w.Text(30*time.Minute, 0)
	w.Put("network_log", b, 0)
	asked := w.Window(230*time.Minute, 0)
	for cut := int64(1); cut < 100; cut++ {
		store := t.TempDir()
		g := newGrab(t, w.Dir, &conntest.Local{FailAfter: cut})
		g.Dir = store
		row, err := g.Pass(t.Context(), asked, nil)
		g.Close()
		if err == nil {
			t.Fatal("no cut left a part of the first file")
		}
		got := slice(t, g, "network_log")
		if row.Files[0].Bytes == 0 {
			continue
		}
		if !strings.HasSuffix(got, "\n") {
			t.Errorf("cut at %d: the slice ends in the middle of a record: %q", cut, got[len(got)-40:])
		}
		w.Remove("network_log.1")
		g = newGrab(t, w.Dir, &conntest.Local{})
		g.Dir = store
		row = passOf(w, g, asked)
		got = slice(t, g, "network_log")
		if !strings.HasSuffix(got, "\n"+b) {
			t.Errorf("cut at %d: %d records read, and the first of the live file stands at the end of a line: %q", cut, row.Files[0].Records,
				got[len(got)-len(b)-40:len(got)-len(b)+40])
		}
		return
	}
}

// A file of one short record is rotated between two passes.
func TestBreakTinyFileRotates(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.1", w.Text(60*time.Minute, 1*time.Minute), time.Minute)
	tiny := w.Now.Add(-30*time.Second).Format("2006-01-02T15:04:05+00:00") + ` h a: n="<` + strconv.Itoa(w.N) + ">\"\n"
	w.At[w.N] = w.Now.Add(-30 * time.Second)
	w.N++
	if len(tiny) >= hostconn.TinyHead {
		t.Fatal(len(tiny))
	}
	w.Put("network_log", tiny, 30*time.Second)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	asked := w.Window(50*time.Minute, 0)
	passOf(w, g, asked)
	w.Move("network_log.1", "network_log.2")
	w.Move("network_log", "network_log.1")
	w.Put("network_log", w.Text(29*time.Second, 0), 0)
	w.Touch("network_log.1", 2*time.Second)
	honestIn(w, g, passOf(w, g, asked), asked)
}

// A second pass over a compressed file must not take compressed bytes for text.
func TestBreakGzipSecondPass(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.2", w.Text(60*time.Minute, 30*time.Minute), 30*time.Minute)
	noise := make([]byte, 300)
	for i := range noise {
		noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?:;#+*&%$()[]{}<>-_/|~^@ "[(i*i*7+i*31)%90]
	}
	rec := w.Now.Add(-29*time.Minute).Format("2006-01-02T15:04:05+00:00") + " h a: " + string(noise) + "\n"
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.NoCompression)
	z.Write([]byte(rec))
	z.Close()
	w.Put("network_log.1.gz", b.String(), 29*time.Minute)
	w.Put("network_log", w.Text(20*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	asked := w.Window(50*time.Minute, 0)
	passOf(w, g, asked)
	before := slice(t, g, "network_log")
	passOf(w, g, asked)
	if after := slice(t, g, "network_log"); after != before {
		t.Errorf("nothing has changed on the host, and the slice has %d bytes instead of %d; gzip's bytes in it: %v", len(after), len(before), strings.Contains(after, "\x00"))
	}
}

// A sibling is being compressed: the plain file is there and held, of the other
// there is only a header yet.
func TestBreakGzipHeaderOnly(t *testing.T) {
	w := fetchtest.NewWorld(t)
	old := w.Text(60*time.Minute, 30*time.Minute)
	w.Put("network_log.1", old, 30*time.Minute)
	w.Put("network_log.1.gz", string(fetchtest.Zipped(old)[:10]), 0)
	w.Put("network_log", w.Text(30*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	if row := passOf(w, g, w.Window(50*time.Minute, 0)); row.Coverage != evidence.Complete || row.Files[0].Records != 3000 {
		t.Errorf("all is there (%d records), yet %s: %v", row.Files[0].Records, row.Coverage, row.Files[0].Missing)
	}
}

// gzip(1) passes zeros behind the last member over, and so must we.
func TestBreakGzipPadded(t *testing.T) {
	w := fetchtest.NewWorld(t)
	old := w.Text(60*time.Minute, 30*time.Minute)
	half := len(old) / 2
	w.Put("network_log.1.gz", string(fetchtest.Zipped(old[:half]))+string(fetchtest.Zipped(old[half:]))+strings.Repeat("\x00", 512), 30*time.Minute)
	w.Put("network_log", w.Text(30*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	if row := passOf(w, g, w.Window(50*time.Minute, 0)); row.Coverage != evidence.Complete || row.Files[0].Records != 3000 {
		t.Errorf("all is there (%d records), yet %s: %v", row.Files[0].Records, row.Coverage, row.Files[0].Missing)
	}
}

// Copy and truncate in each of the first five rounds: what was cut off in the last one
// is not on disk, and that is said.
func TestBreakTruncatedInEachRound(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(60*time.Minute, 50*time.Minute), 0)
	held, k := false, 0
	c := &conntest.Hook{Listed: func(int) { held = true }}
	g := newGrab(t, w.Dir, c)
	g.now = func() time.Time { held = false; return time.Now() }
	c.OnStat = func(h *conntest.HookHandle) {
		if h.Name != "network_log" || !held || h.Lists == c.Lists || k == 5 {
			return // not a look at what is held, before it is searched
		}
		held = false
		b, _ := os.ReadFile(w.Path("network_log"))
		k++
		w.Put(fmt.Sprintf("network_log.%d", 5-k), string(b), 0)
		w.Put("network_log", w.Text(time.Duration(60-k*10)*time.Minute, time.Duration(50-k*10)*time.Minute), 0)
	}
	asked := w.Window(60*time.Minute, 0)
	row := passOf(w, g, asked)
	t.Logf("truncated %d times", k)
	honestIn(w, g, row, asked)
}

// A folder that never comes to rest is a reported gap (house: Take hold first).
func TestBreakRestlessFolder(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.000", w.Text(60*time.Minute, 50*time.Minute), 50*time.Minute)
	w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	k := 0
	g := newGrab(t, w.Dir, &conntest.Hook{OnList: func(n int) {
		for range 3 { // three siblings that only now show
			k++
			w.Put(fmt.Sprintf("network_log.%03d", k), w.Text(50*time.Minute-time.Duration(k)*time.Minute, 49*time.Minute-time.Duration(k)*time.Minute), 49*time.Minute-time.Duration(k)*time.Minute)
		}
	}})
	row := passOf(w, g, w.Window(55*time.Minute, 0))
	if row.Coverage == evidence.Complete {
		t.Errorf("the folder never rested, and coverage is %s; notes %q", row.Coverage, row.Notes)
	}
}

// A stray file without a single record is no part of the logs around it.
func TestBreakForeignFileInTheSlice(t *testing.T) {
	w := fetchtest.NewWorld(t)
	a, b := w.Text(60*time.Minute, 30*time.Minute), w.Text(30*time.Minute, 0)
	w.Put("network_log.1", a, 30*time.Minute)
	w.Put("network_log.idx", strings.Repeat("\x01\x02binary\n", 1<<17), 40*time.Minute)
	w.Put("network_log", b, 0)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	passOf(w, g, w.Window(50*time.Minute, 0))
	if got := slice(t, g, "network_log"); !strings.HasSuffix(a+b, got) {
		t.Errorf("the slice has %d bytes, of which %d are not of a log", len(got), strings.Count(got, "\x01")*9)
	}
}

// Dated siblings of one second, with times of whole seconds: the order inside
// the slice is the order of writing.
func TestBreakDatedOrder(t *testing.T) {
	w := fetchtest.NewWorld(t)
	rec := func(k int) string {
		return w.Now.Add(-10*time.Minute).Format("2006-01-02T15:04:05+00:00") + fmt.Sprintf(" expc01 tvcs: Level=\"INFO\" Detail=\"no UTCTime in this one\" n=\"<%d>\"\n", k)
	}
	w.Put("network_log-20260302-01", w.Text(60*time.Minute, 10*time.Minute)+rec(900001), 10*time.Minute)
	w.Put("network_log-20260302-02", rec(900002)+rec(900003), 10*time.Minute)
	w.Put("network_log-20260302-03", rec(900004)+rec(900005), 10*time.Minute)
	w.Put("network_log", w.Text(9*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	passOf(w, g, w.Window(50*time.Minute, 0))
	last := 0
	for _, m := range fetchtest.Marker.FindAllStringSubmatch(slice(t, g, "network_log"), -1) {
		if n, _ := strconv.Atoi(m[1]); n > 900000 {
			if n < last {
				t.Errorf("record %d stands after %d", n, last)
			}
			last = n
		}
	}
}

// What lies before an unreadable file is known by its records, not by its mtime:
// it may have been compressed a moment ago.
func TestBreakGapAfterLateMTime(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.2.gz", string(fetchtest.Zipped(w.Text(60*time.Minute, 40*time.Minute))), 31*time.Minute)
	w.Put("network_log.1", w.Text(40*time.Minute, 30*time.Minute), 30*time.Minute)
	w.Put("network_log", w.Text(30*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Hook{OnOpen: func(name string) error {
		if name == "network_log.1" {
			return &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return nil
	}})
	asked := w.Window(50*time.Minute, 0)
	honestIn(w, g, passOf(w, g, asked), asked)
}

func labConn(t *testing.T, e *lab.Expressway, pool *hostconn.Pool, commands bool) func(context.Context) (hostconn.Conn, error) {
	return func(ctx context.Context) (hostconn.Conn, error) {
		return pool.Get(ctx, e.Addr(), hostconn.Commands{Allowed: commands}, func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, sshdial.Config{Address: e.Addr(), User: "root", HostKey: ssh.FingerprintSHA256(e.HostKey()),
				Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }}})
		})
	}
}

// Two incidents share a host's session. One is cancelled: what the other holds
// must stay held.
func TestBreakPoolCancel(t *testing.T) {
	e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", Logs: lab.LogConfig{Rate: 20}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Backfill(time.Now().Add(-time.Minute))
	pool := &hostconn.Pool{}
	asked := evidence.NewWindow(time.Now().Add(-30*time.Second), time.Now().Add(-time.Second))
	a, b := newGrab(t, e.LogDir(), nil), newGrab(t, e.Dir(), nil)
	a.Host.Dial, b.Host.Dial = labConn(t, e, pool, false), labConn(t, e, pool, false)
	if _, err := a.Pass(t.Context(), asked, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := b.Pass(ctx, asked, func(time.Time) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	b.Close()
	if _, err := a.Pass(t.Context(), asked, nil); err != nil {
		t.Errorf("another incident was cancelled, and this one has lost its handles: %v", err)
	}
}

// The same with an incident whose folder is not there: an answer of the host.
func TestBreakPoolAbsent(t *testing.T) {
	e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", Logs: lab.LogConfig{Rate: 20}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Backfill(time.Now().Add(-time.Minute))
	pool := &hostconn.Pool{}
	asked := evidence.NewWindow(time.Now().Add(-30*time.Second), time.Now().Add(-time.Second))
	a, b := newGrab(t, e.LogDir(), nil), newGrab(t, "/nowhere", nil)
	a.Host.Dial, b.Host.Dial = labConn(t, e, pool, false), labConn(t, e, pool, false)
	if _, err := a.Pass(t.Context(), asked, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Pass(t.Context(), asked, nil); err == nil {
		t.Fatal("no error")
	}
	if _, err := a.Pass(t.Context(), asked, nil); err != nil {
		t.Errorf("another incident found no folder, and this one has lost its handles: %v", err)
	}
}

// oddServer is an SSH server that lets all in, serves SFTP, and leaves those
// channels unanswered, counted from 1, for which channel is false.
func oddServer(t *testing.T, channel func(n int) bool) (addr, key string) {
	priv, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	signer, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	conf := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }}
	conf.AddHostKey(signer)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	serve := func(c net.Conn) {
		defer c.Close()
		_, chans, reqs, err := ssh.NewServerConn(c, conf)
		if err != nil {
			return
		}
		go func() {
			for r := range reqs {
				r.Reply(true, nil)
			}
		}()
		n := 0
		for nc := range chans {
			n++
			if !channel(n) {
				continue
			}
			ch, rs, err := nc.Accept()
			if err != nil {
				return
			}
			go func() {
				for r := range rs {
					r.Reply(r.Type == "subsystem", nil)
					if r.Type == "subsystem" {
						srv, _ := sftp.NewServer(ch, sftp.ReadOnly())
						go srv.Serve()
					}
				}
			}()
		}
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return ln.Addr().String(), ssh.FingerprintSHA256(signer.PublicKey())
}

// A host that never answers when a channel for date is asked for must not stop the grab: the
// clock is not measured then.
func TestBreakClockNeverAnswered(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	addr, key := oddServer(t, func(n int) bool { return n < 3 })
	pool := &hostconn.Pool{}
	g := newGrab(t, w.Dir, nil)
	g.Host.Dial = func(ctx context.Context) (hostconn.Conn, error) {
		return pool.Get(ctx, addr, hostconn.Commands{Allowed: true}, func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, sshdial.Config{Address: addr, User: "root", HostKey: key,
				Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "x", nil }}})
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	start := time.Now()
	row, err := g.Pass(ctx, w.Window(5*time.Minute, 0), nil)
	if err != nil || row.Coverage != evidence.Complete {
		t.Errorf("after %v: %v, coverage %s", time.Since(start).Round(time.Second), err, row.Coverage)
	}
}

// A server that claims 2^60 bytes and answers every read with records.
func TestBreakHugeSize(t *testing.T) {
	if os.Getenv("BREAK_HUGE") == "" {
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		defer stop()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestBreakHugeSize$")
		cmd.Env = append(os.Environ(), "BREAK_HUGE=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("the program died: %v\n%.400s", err, out)
		}
		return
	}
	const size, width = int64(1) << 60, int64(128)
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	start := w.Now.Add(-10 * time.Minute)
	c := &conntest.Hook{Stat: func(string, int64) int64 { return size }, ReadAt: func(_ string, b []byte, off int64) (int, error) {
		for i := range b {
			at := off + int64(i)
			k := at / width
			if i == 0 || at%width == 0 {
				t := start.Add(time.Duration((k/(size/width/4)+1)/2) * 5 * time.Minute) // a quarter, a half, a quarter
				rec := t.Format("2006-01-02T15:04:05.000+00:00") + " h a: "
				rec += strings.Repeat("x", int(width)-len(rec)-1) + "\n"
				copy(b[i:], rec[at%width:])
			}
		}
		return len(b), nil
	}}
	g := newGrab(t, w.Dir, c)
	ctx, cancel := context.WithCancel(t.Context())
	g.Progress = func(p Progress) {
		if p.Done > 0 {
			cancel()
		}
	}
	if _, err := g.Pass(ctx, w.Window(8*time.Minute, 2*time.Minute), nil); err == nil {
		t.Error("2^59 bytes were copied")
	}
}

// Copying ends in the middle of a file whose records are up to 5 s out of order:
// what is said to be covered is covered.
func TestBreakDisorderAndLose(t *testing.T) {
	w := fetchtest.NewWorld(t)
	var b strings.Builder
	for at := w.Now.Add(-4 * time.Hour); at.Before(w.Now); at = at.Add(time.Second) {
		late := at
		if w.N%4 == 0 {
			late = at.Add(-4 * time.Second)
		}
		b.WriteString(fetchtest.Line(late, w.N))
		w.At[w.N] = late
		w.N++
	}
	w.Put("network_log", b.String(), 0)
	asked := w.Window(230*time.Minute, 0)
	for cut := int64(1); cut < 60; cut++ {
		g := newGrab(t, w.Dir, &conntest.Local{FailAfter: cut})
		row, err := g.Pass(t.Context(), asked, nil)
		honestIn(w, g, row, asked)
		if err == nil || t.Failed() {
			return
		}
	}
}

// Records with syslog's local time in the night when daylight saving ends: the
// hour comes twice.
func TestBreakSyslogDST(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	change := time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)
	w := fetchtest.NewWorld(t)
	var b strings.Builder
	for at := change.Add(-2 * time.Hour); at.Before(change.Add(2 * time.Hour)); at = at.Add(time.Second) {
		fmt.Fprintf(&b, "%s expc01 kernel: n=\"<%d>\"\n", at.In(ny).Format("Jan _2 15:04:05"), w.N)
		w.At[w.N] = at
		w.N++
	}
	w.Put("network_log", b.String(), 0)
	os.Chtimes(w.Path("network_log"), change.Add(2*time.Hour), change.Add(2*time.Hour))
	g := newGrab(t, w.Dir, &conntest.Local{})
	g.Host.Zone = ny
	asked := evidence.NewWindow(change.Add(10*time.Minute), change.Add(30*time.Minute))
	honestIn(w, g, passOf(w, g, asked), asked)
}
