package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
)

// loanOf is what a grab lends after a pass that gave row.
func loanOf(t testing.TB, g *Grab, row evidence.Host, asked evidence.Window) Loan {
	t.Helper()
	pieces, clock, err := Lendable(g.Dir, row)
	if err != nil {
		t.Fatal(err)
	}
	return Loan{By: "dmz-b", Row: row, Judged: asked, Clock: clock, Pieces: pieces, Read: func(_ context.Context, i int, from, to int64, w io.Writer) error {
		f, err := os.Open(pieces[i].Path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, io.NewSectionReader(f, from, to-from))
		return err
	}}
}

// unreached is a grab whose host is not there, and its row.
func unreached(t testing.TB, asked evidence.Window) (*Grab, evidence.Host) {
	t.Helper()
	g := newGrab(t, t.TempDir(), nil)
	g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return nil, conntest.ErrCut }
	row, err := g.Pass(t.Context(), asked, nil)
	if err == nil || row.Coverage != evidence.Lost {
		t.Fatalf("%+v, %v", row, err)
	}
	return g, row
}

// lent is a loan of three files, and of which window.
func lent(t *testing.T) (*fetchtest.World, Loan, evidence.Window, string) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.1", w.Text(12*time.Minute, 6*time.Minute), 6*time.Minute)
	w.Put("network_log", w.Text(6*time.Minute, 0), 0)
	asked := w.Window(10*time.Minute, time.Minute)
	b := newGrab(t, w.Dir, &conntest.Local{})
	b.now = func() time.Time { return w.Now }
	row := passOf(w, b, asked)
	return w, loanOf(t, b, row, asked), asked, slice(t, b, "network_log")
}

// A host that was not reached is whole by what another has, byte for byte; a restart has it too.
func TestAdoptUnreached(t *testing.T) {
	w, loan, asked, want := lent(t)
	g, row := unreached(t, asked)
	row, err := g.Adopt(t.Context(), row, asked, loan)
	if err != nil || row.Coverage != evidence.Complete || row.ClockOffsetMS == nil || row.Error == "" {
		t.Fatalf("%+v, %v", row, err)
	}
	for _, s := range row.Files[0].Sources {
		if s.Collector != "dmz-b" || s.From != evidence.FromHost {
			t.Errorf("%+v", s)
		}
	}
	if got := slice(t, g, "network_log"); got != want || !slices.ContainsFunc(row.Notes, func(n string) bool { return strings.Contains(n, "collector dmz-b (host key SHA256:local)") }) {
		t.Errorf("%d bytes, want %d; %q", len(got), len(want), row.Notes)
	}
	w.Honest(row, asked, func(family string) string { return slice(t, g, family) })
	again := &Grab{Host: g.Host, Dir: g.Dir}
	defer again.Close()
	if row, err := again.Pass(t.Context(), asked, nil); err == nil || row.Coverage != evidence.Complete || row.Files[0].SHA256 == "" {
		t.Errorf("after a restart: %+v, %v", row, err)
	}
	if list, _, err := Lendable(g.Dir, row); err != nil || len(list) != 0 {
		t.Errorf("it is lent on: %+v, %v", list, err)
	}
}

// Of two that looked at different times, at files that are written, rotate, are packed and go,
// with connections that break, the union is honest, and lacks only what both lack.
func TestAdoptUnion(t *testing.T) {
	for seed := range uint64(60) {
		if testrace.Skips(int(seed), 6) {
			continue
		}
		rnd := rand.New(rand.NewPCG(seed, 7))
		w := fetchtest.NewWorld(t)
		start := w.Now
		asked := evidence.NewWindow(start.Add(-8*time.Minute), start.Add(2*time.Minute))
		w.Put("network_log.2", w.Text(12*time.Minute, 9*time.Minute), 9*time.Minute)
		w.Put("network_log.1", w.Text(9*time.Minute, 4*time.Minute), 4*time.Minute)
		w.Put("network_log", w.Text(4*time.Minute, 0), 0)
		var grabs [2]*Grab
		var rows [2]evidence.Host
		for i := range grabs {
			grabs[i] = newGrab(t, w.Dir, &conntest.Local{})
			grabs[i].now = func() time.Time { return w.Now }
			none := evidence.Host{Host: "expc01", ClockFrom: "none"}
			rows[i] = evidence.Lacking(none, []string{"network_log"}, asked, evidence.ReasonUnreachable)
		}
		for range 3 + rnd.IntN(5) {
			switch step := rnd.IntN(6); step {
			case 0, 1:
				w.Now = w.Now.Add(time.Duration(5+rnd.IntN(40)) * time.Second)
				w.Grow("network_log", w.Text(w.Now.Sub(start), 0), 0)
				start = w.Now
			case 2:
				rotate(w, rnd)
			default:
				g := grabs[step%2]
				conn := &conntest.Local{}
				if rnd.IntN(3) == 0 {
					conn.FailAfter = 1 + rnd.Int64N(12)
				}
				g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return conn, nil }
				if rnd.IntN(3) == 0 {
					g.holder.Drop(true)
				}
				rows[step%2], _ = g.Pass(t.Context(), asked, nil)
			}
		}
		before := slice(t, grabs[0], "network_log")
		loan := loanOf(t, grabs[1], rows[1], asked)
		row, err := grabs[0].Adopt(t.Context(), rows[0], asked, loan)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		after := slice(t, grabs[0], "network_log")
		for _, line := range strings.SplitAfter(before, "\n") {
			if !strings.Contains(after, line) {
				t.Fatalf("seed %d: what was read here is gone: %q", seed, line)
			}
		}
		w.Honest(row, asked, func(string) string { return after })
		both := common(rows[0].Files[0].Missing, rows[1].Files[0].Missing)
		if got := lengthOf(row.Files[0].Missing); got > both {
			t.Errorf("seed %d: %v is missing, %v of both: %+v, %+v", seed, got, both, rows[0].Files[0].Missing, rows[1].Files[0].Missing)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %+v\n%+v\n%+v\n%+v", seed, rows[0], rows[1], row, loan.Pieces)
		}
	}
}

// rotate is what a host does when a log is full.
func rotate(w *fetchtest.World, rnd *rand.Rand) {
	os.Remove(w.Path("network_log.3.gz"))
	for _, m := range [][2]string{{"network_log.2", "network_log.3"}, {"network_log.2.gz", "network_log.3.gz"}, {"network_log.1", "network_log.2"}, {"network_log", "network_log.1"}} {
		if _, err := os.Stat(w.Path(m[0])); err == nil {
			w.Move(m[0], m[1])
		}
	}
	if rnd.IntN(2) == 0 {
		if b, err := os.ReadFile(w.Path("network_log.2")); err == nil {
			info, _ := os.Stat(w.Path("network_log.2"))
			os.WriteFile(w.Path("network_log.2.gz"), fetchtest.Zipped(string(b)), 0o600)
			os.Chtimes(w.Path("network_log.2.gz"), info.ModTime(), info.ModTime())
			w.Remove("network_log.2")
		}
	}
	if rnd.IntN(2) == 0 {
		os.Remove(w.Path("network_log.3"))
	}
	w.Grow("network_log", "", 0)
}

// common is how long both lack the same.
func common(a, b []evidence.Span) (d time.Duration) {
	for _, s := range a {
		for _, o := range b {
			if since, until := evidence.Later(s.Since, o.Since), evidence.Earlier(s.Until, o.Until); since.Before(until) {
				d += until.Sub(since)
			}
		}
	}
	return d
}

// A collector whose clock is five minutes ahead has another window: what it has counts where it was
// by this clock, whether or not the host's was measured here.
func TestAdoptClocks(t *testing.T) {
	for _, measured := range []bool{true, false} {
		w, _, _, _ := lent(t)
		asked := w.Window(8*time.Minute, 2*time.Minute)
		b := newGrab(t, w.Dir, &conntest.Local{Offset: -5 * time.Minute}) // the host, against a clock that is ahead
		b.now = func() time.Time { return w.Now.Add(5 * time.Minute) }
		theirs := passOf(w, b, asked) // by its clock: 13 to 7 minutes ago
		loan := loanOf(t, b, theirs, asked)
		loan.Ahead = ClockOf{Offset: 5 * time.Minute, Doubt: time.Second}
		g, row := unreached(t, asked)
		if measured {
			g.store.state.setClock(logset.Clock{Known: true}, w.Now)
		}
		row, err := g.Adopt(t.Context(), row, asked, loan)
		if err != nil {
			t.Fatal(err)
		}
		f := row.Files[0]
		if row.Coverage != evidence.Partial || len(f.Missing) != 1 || f.Missing[0].Since.Sub(w.Now.Add(-7*time.Minute)).Abs() > 2*time.Second || !f.Missing[0].Until.Equal(asked.Until) {
			t.Errorf("measured %v: %s, %+v, asked %v", measured, row.Coverage, f.Missing, asked)
		}
		w.Honest(row, asked, func(family string) string { return slice(t, g, family) })
		if *row.ClockOffsetMS != 0 {
			t.Errorf("measured %v: the host's clock is %d ms ahead", measured, *row.ClockOffsetMS)
		}
	}
}

// What is not what it says it is costs nothing of what is here, and no room.
func TestAdoptLies(t *testing.T) {
	w, _, asked, _ := lent(t)
	for name, lie := range map[string]func(*Loan){
		"more bytes": func(l *Loan) {
			read := l.Read
			l.Read = func(ctx context.Context, i int, from, to int64, w io.Writer) error {
				return errors.Join(read(ctx, i, from, to, w), read(ctx, i, from, to, w))
			}
		},
		"endless": func(l *Loan) {
			l.Read = func(_ context.Context, _ int, _, _ int64, w io.Writer) error {
				_, err := io.Copy(w, endless{})
				return err
			}
		},
		"fewer bytes": func(l *Loan) {
			read := l.Read
			l.Read = func(ctx context.Context, i int, from, to int64, w io.Writer) error {
				return read(ctx, i, from, to-7, w)
			}
		},
		"other bytes": func(l *Loan) {
			l.Read = func(_ context.Context, _ int, from, to int64, w io.Writer) error {
				_, err := w.Write(bytes.Repeat([]byte("x"), int(to-from)))
				return err
			}
		},
		"a family of another folder":       func(l *Loan) { l.Pieces[0].Family = "../x" },
		"a range before the file":          func(l *Loan) { l.Pieces[0].Offset = -1 },
		"a range behind all":               func(l *Loan) { l.Pieces[0].Offset, l.Pieces[0].Length = 1<<62, 1<<62 },
		"a long head":                      func(l *Loan) { l.Pieces[0].Head = make([]byte, 1<<20) },
		"its row has more than its pieces": func(l *Loan) { l.Pieces = l.Pieces[:1] },
		"a year of five digits": func(l *Loan) {
			l.Pieces[0].MTime = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -5*3600))
		},
		"a clock that is none": func(l *Loan) { l.Clock.Offset = 1 << 62 },
		"a doubt that is none": func(l *Loan) { l.Ahead.Doubt = -1 },
		"spans without number": func(l *Loan) { l.Row.Files[0].Missing = make([]evidence.Span, maxLoanSpans+1) },
		"an endless window":    func(l *Loan) { l.Judged.Until = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no time":              func(l *Loan) { l.Judged.Until = l.Judged.Since },
		"too many":             func(l *Loan) { l.Pieces = make([]Piece, maxLoanPieces+1) },
		"too large": func(l *Loan) {
			p := l.Pieces[0]
			p.Head, p.Length = []byte(strings.Repeat("another file ", 20)), DefaultLimit
			l.Pieces = append(l.Pieces, p)
			l.Row.Files = slices.Clone(l.Row.Files)
			l.Row.Files[0].Bytes += DefaultLimit
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newGrab(t, w.Dir, &conntest.Local{})
			b.now = func() time.Time { return w.Now }
			loan := loanOf(t, b, passOf(w, b, asked), asked)
			lie(&loan)
			g, row := unreached(t, asked)
			row, err := g.Adopt(t.Context(), row, asked, loan)
			if row.Coverage != evidence.Lost || row.Files[0].Bytes > 0 || err == nil && name != "its row has more than its pieces" {
				t.Errorf("%+v, %v", row, err)
			}
			var size int64
			entries, _ := os.ReadDir(g.Dir)
			for _, e := range entries {
				if i, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".raw") {
					size += i.Size()
				}
			}
			if size > 1<<20 {
				t.Errorf("%d bytes are on disk", size)
			}
		})
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// What was read here is not replaced, and where the host is reached again and has something else it counts.
func TestAdoptHostCounts(t *testing.T) {
	w, loan, asked, want := lent(t)
	g, row := unreached(t, asked)
	read := loan.Read
	loan.Read = func(ctx context.Context, i int, from, to int64, w io.Writer) error {
		var b bytes.Buffer
		err := read(ctx, i, from, to, &b)
		text := bytes.ReplaceAll(b.Bytes(), []byte("INFO"), []byte("LIES"))
		w.Write(text)
		return err
	}
	for i := range loan.Pieces {
		var b bytes.Buffer
		loan.Read(t.Context(), i, 0, loan.Pieces[i].Length, &b)
		sum := sha256.Sum256(b.Bytes())
		loan.Pieces[i].SHA256 = hex.EncodeToString(sum[:])
	}
	if _, err := g.Adopt(t.Context(), row, asked, loan); err != nil {
		t.Fatal(err)
	}
	g.Host.Dir, g.now = w.Dir, func() time.Time { return w.Now }
	g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return &conntest.Local{}, nil }
	row = passOf(w, g, asked)
	if got := slice(t, g, "network_log"); got != want || row.Coverage != evidence.Complete {
		t.Errorf("%d bytes with %d lies, want %d: %+v", len(got), strings.Count(got, "LIES"), len(want), row)
	}
}
