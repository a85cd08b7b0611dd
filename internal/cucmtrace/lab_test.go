package cucmtrace_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/testrace"
)

// zones are of nodes: with changes of the clock, with odd offsets, and without either.
var zones = []string{"America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "Pacific/Apia"}

// changes are near changes of the clock, the ends of a year and a leap day.
var changes = []time.Time{
	time.Date(2026, 3, 8, 6, 50, 0, 0, time.UTC), time.Date(2026, 11, 1, 5, 40, 0, 0, time.UTC), time.Date(2026, 3, 29, 0, 45, 0, 0, time.UTC),
	time.Date(2026, 10, 25, 0, 40, 0, 0, time.UTC), time.Date(2026, 4, 4, 14, 40, 0, 0, time.UTC), time.Date(2026, 12, 31, 23, 50, 0, 0, time.UTC),
	time.Date(2028, 2, 29, 4, 50, 0, 0, time.UTC), time.Date(2026, 6, 3, 18, 20, 0, 0, time.UTC),
}

// TestTruth: of random nodes, what is cut out of their traces is the truth, byte for byte, and
// whatever is not there stands in the list of what is missing.
func TestTruth(t *testing.T) {
	seed := uint64(14)
	if os.Getenv("GRAB_LONG") != "" {
		seed = uint64(time.Now().UnixNano())
	}
	for i := range testrace.Smaller(100, 5) {
		t.Run(strconv.Itoa(i), func(t *testing.T) { oneNode(t, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
}

// A node is one of a random site, with what is wrong with its files.
type node struct {
	site   *mra.Site
	cfg    *mra.SDLConfig
	window evidence.Window // by the node's clock
	rng    *rand.Rand
}

func oneNode(t *testing.T, rng *rand.Rand) {
	zone, err := time.LoadLocation(zones[rng.IntN(len(zones))])
	if err != nil {
		t.Fatal(err)
	}
	const name = "cucm01.example.com"
	offset := time.Duration(rng.IntN(7)-3) * 1234 * time.Millisecond
	cfg := &mra.SDLConfig{Zone: zone, FileSize: 20_000 + rng.IntN(60_000), Keep: 3 + rng.IntN(60), Midnight: rng.IntN(2) == 0, NoHead: rng.IntN(2) == 0,
		NoSIP: rng.IntN(4) == 0, Disorder: time.Duration(rng.IntN(3)) * 40 * time.Millisecond, Clock: map[string]time.Duration{name: offset}}
	begin := changes[rng.IntN(len(changes))].Add(-time.Duration(rng.IntN(20)) * time.Minute)
	end := begin.Add(30 * time.Minute)
	site := newSite(t, mra.SiteConfig{CUCM: []string{name}, Phones: 1 + rng.IntN(3), Seed: rng.Uint64(), SDL: cfg})
	for _, kind := range []mra.EventKind{mra.DropTCP, mra.LateKeepAlive, mra.Reset} {
		if err := site.Schedule(mra.Event{At: begin.Add(time.Duration(4+rng.IntN(20)) * time.Minute), Kind: kind}); err != nil {
			t.Fatal(err)
		}
	}
	site.BackfillUntil(begin, end)
	since := begin.Add(time.Duration(rng.IntN(14)) * time.Minute)
	n := &node{site, cfg, evidence.NewWindow(since, since.Add(time.Duration(2+rng.IntN(18))*time.Minute)).Shift(offset), rng}
	n.sdl(t, end.Add(offset))
	for kind, mode := range map[string]cucmtrace.LineKind{mra.System: cucmtrace.System, mra.Application: cucmtrace.Application, mra.AlertLog: cucmtrace.AlertLog} {
		n.lines(t, kind, mode)
	}
}

func newSite(t *testing.T, cfg mra.SiteConfig) *mra.Site {
	t.Helper()
	peer := func(name, role, ip string) *lab.Expressway {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Name: name, Role: role, IP: ip, Dir: t.TempDir(), Logs: lab.LogConfig{Level: "INFO", RotateSize: -1, Families: []string{lab.NetworkLog}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		return e
	}
	cfg.C, cfg.E = []*lab.Expressway{peer("expc01", "C", "10.0.30.2")}, []*lab.Expressway{peer("expe01", "E", "10.0.40.5")}
	s, err := mra.NewSite(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sdl fetches the node's traces as they are at a time: one file is gone, one is damaged, and
// the one that is being written ends anywhere.
func (n *node) sdl(t *testing.T, taken time.Time) {
	var parts []cucmtrace.Part
	var got bytes.Buffer
	files := n.site.TraceFiles("cucm01")
	lost, damaged := n.rng.IntN(12), n.rng.IntN(12)
	for i, f := range files {
		if f.Kind != mra.SDL || i == lost && !f.Open {
			continue
		}
		stored, err := n.site.ReadTrace("cucm01", f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Open {
			stored = stored[:len(stored)-n.rng.IntN(len(stored)/2)]
		} else if i == damaged {
			stored = stored[:n.rng.IntN(len(stored))]
		}
		part := cut(t, &got, stored, cucmtrace.Place{Modified: f.Modified, Zone: n.cfg.Zone}, n.window)
		part.Name, part.Open, part.Taken = f.Name(), f.Open, taken
		parts = append(parts, part)
	}
	n.holds(t, mra.SDL, got.Bytes(), cucmtrace.Missing(parts, n.window, cucmtrace.Quiet), len(parts))
}

// cut cuts one stored trace.
func cut(t *testing.T, to io.Writer, stored []byte, p cucmtrace.Place, window evidence.Window) cucmtrace.Part {
	t.Helper()
	open := func() (io.ReadCloser, error) {
		z, err := gzip.NewReader(bytes.NewReader(stored))
		if err != nil {
			return io.NopCloser(failing{}), nil
		}
		return z, nil
	}
	p, _, err := cucmtrace.Anchor(open, p)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	f, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := cucmtrace.Cut(to, cucmtrace.Whole(cucmtrace.NewReader(f, p)), window)
	if err != nil || s.Err != nil {
		t.Fatal(err, s.Err)
	}
	return cucmtrace.Part{Stretch: s}
}

// failing is a stream of which not even the beginning is there.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (n *node) lines(t *testing.T, kind string, mode cucmtrace.LineKind) {
	var parts []cucmtrace.Part
	var got bytes.Buffer
	for _, f := range n.site.TraceFiles("cucm01") {
		if f.Kind != kind {
			continue
		}
		stored, err := n.site.ReadTrace("cucm01", f.Path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := cucmtrace.Cut(&got, cucmtrace.NewLineReader(bytes.NewReader(stored), mode, cucmtrace.Place{Modified: f.Modified, Zone: n.cfg.Zone}), n.window)
		if err != nil || s.Err != nil {
			t.Fatal(err, s.Err)
		}
		parts = append(parts, cucmtrace.Part{Name: f.Name(), Stretch: s, Open: true, Taken: n.window.Until.Add(time.Minute)})
	}
	n.holds(t, kind, got.Bytes(), cucmtrace.Missing(parts, n.window, 0), len(parts))
}

// holds compares what was kept with the truth.
func (n *node) holds(t *testing.T, kind string, got []byte, missing []evidence.Span, files int) {
	t.Helper()
	var want []mra.TraceRecord
	for _, r := range n.site.TraceRecords("cucm01") {
		if r.Kind == kind && n.window.Contains(r.Stamp) {
			want = append(want, r)
		}
	}
	kept, lacking := 0, 0
	for _, r := range want {
		if bytes.HasPrefix(got, []byte(r.Text)) {
			got = got[len(r.Text):]
			kept++
			for _, s := range missing {
				if r.Stamp.After(s.Since.Add(6*time.Second)) && r.Stamp.Before(s.Until.Add(-6*time.Second)) {
					t.Errorf("%s: a record of %s was kept, and is said to be missing: %v", kind, r.Stamp, s)
				}
			}
			continue
		}
		lacking++
		in := false
		for _, s := range missing {
			in = in || !r.Stamp.Before(s.Since) && r.Stamp.Before(s.Until)
		}
		if !in {
			t.Errorf("%s: a record of %s is neither kept nor said to be missing (%v): %.80q", kind, r.Stamp, missing, r.Text)
			break
		}
	}
	if len(got) > 0 {
		t.Errorf("%s: %d bytes were kept that are not the truth at that place, after %d of %d records (%d files): %.100q", kind, len(got), kept, len(want), files, got)
	}
	if testing.Verbose() {
		t.Log(kind, fmt.Sprintf("%d kept, %d lacking, %d files, missing %v", kept, lacking, files, strings.TrimSpace(fmt.Sprint(missing))))
	}
}
