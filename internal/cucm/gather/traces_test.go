package gather

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/mra"
)

func init() { looks = looks[:1] } // tests do not wait for files to be closed

const nodeName = "cucm01.example.com"

// traced is a site whose one node has written traces for some minutes, and a bench for it.
func traced(t *testing.T, rng *rand.Rand, minutes int) (*mra.Site, *mra.SDLConfig, *bench) {
	t.Helper()
	zone, err := time.LoadLocation([]string{"America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe"}[rng.IntN(4)])
	if err != nil {
		t.Fatal(err)
	}
	cfg := &mra.SDLConfig{Zone: zone, FileSize: 30_000 + rng.IntN(60_000), Keep: 5 + rng.IntN(60), Midnight: rng.IntN(2) == 0, NoHead: rng.IntN(2) == 0,
		Clock: map[string]time.Duration{nodeName: time.Duration(rng.IntN(7)-3) * 7 * time.Second}}
	site := newSite(t, mra.SiteConfig{CUCM: []string{nodeName}, Phones: 2, Seed: rng.Uint64(), SDL: cfg})
	end := time.Now().Add(-time.Second)
	begin := end.Add(-time.Duration(minutes) * time.Minute)
	if err := site.Schedule(mra.Event{At: begin.Add(2 * time.Minute), Kind: mra.DropTCP}); err != nil {
		t.Fatal(err)
	}
	site.BackfillUntil(begin, end)
	b := newBench(t, cucmlab.Config{Site: site, Nodes: []string{nodeName}, Zone: zone, Clocks: cfg.Clock})
	since := begin.Add(time.Duration(1+rng.IntN(minutes/3)) * time.Minute).UTC().Truncate(time.Second)
	b.in.Asked = evidence.NewWindow(since, since.Add(time.Duration(2+rng.IntN(minutes/2))*time.Minute))
	b.entry.Names, b.entry.Traces, b.entry.Max = false, true, 1<<30
	return site, cfg, b
}

func newSite(t *testing.T, cfg mra.SiteConfig) *mra.Site {
	t.Helper()
	peer := func(name, role, ip string) *lab.Expressway {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Name: name, Role: role, IP: ip, Dir: t.TempDir(), Logs: lab.LogConfig{Level: "INFO", RotateSize: -1, Families: []string{lab.NetworkLog}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		return e
	}
	cfg.C, cfg.E = []*lab.Expressway{peer("expc01", "C", "10.0.30.2")}, []*lab.Expressway{peer("expe01", "E", "10.0.40.5")}
	s, err := mra.NewSite(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// fetch has the traces fetched and returns the node's row.
func (b *bench) fetch() evidence.CUCMNode {
	b.t.Helper()
	g := b.gatherer()
	logs := b.complete()
	logs.Manifest.Asked = b.in.Asked
	g.Begin(b.in)
	g.Await(b.t.Context(), b.in, logs)
	waitFor(b.t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.jobs) == 0 })
	state, err := material.Of(b.store, "k").Read()
	if err != nil || len(state.CUCM) != 1 || len(state.CUCM[0].Nodes) != 1 {
		b.t.Fatalf("%+v, %v", state, err)
	}
	return state.CUCM[0].Nodes[0]
}

// TestTraces: over the wire as on the node: what is kept is the truth, byte for byte, and
// each gap stands in the coverage, with its reason.
func TestTraces(t *testing.T) {
	runs, minutes := 4, 9
	if os.Getenv("GRAB_LONG") != "" {
		runs, minutes = 100, 30
	}
	for i := range runs {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(14, uint64(i)))
			site, cfg, b := traced(t, rng, minutes)
			lost := spoil(t, rng, site, b.lab)
			b.entry.Whole = rng.IntN(3) == 0
			row := b.fetch()
			if row.ClockOffsetMS == nil || (time.Duration(*row.ClockOffsetMS)*time.Millisecond-cfg.Clock[nodeName]).Abs() > 2*time.Second {
				t.Errorf("clock %v, want %s", row.ClockOffsetMS, cfg.Clock[nodeName])
			}
			for _, f := range row.Files {
				text, err := os.ReadFile(filepath.Join(b.store.IncidentDir("k"), filepath.FromSlash(f.Path)))
				if f.Path != "" && (err != nil || int64(len(text)) != f.Bytes) {
					t.Errorf("%s: %d bytes, %v", f.Path, len(text), err)
				}
				holds(t, site, f, text, b.in.Asked, cfg.Clock[nodeName], lost)
			}
			if left, _ := filepath.Glob(filepath.Join(b.store.IncidentDir("k"), "*.part")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

const rubbish = 500 // bytes at the end of a file

// spoil has something go wrong with some of the files. It returns what.
func spoil(t *testing.T, rng *rand.Rand, site *mra.Site, l *cucmlab.Cluster) string {
	t.Helper()
	var sdl []mra.TraceFile
	for _, f := range site.TraceFiles(nodeName) {
		if f.Kind == mra.SDL {
			sdl = append(sdl, f)
		}
	}
	what := []string{"nothing", "nothing", "gone", "cut", "rubbish", "torn"}[rng.IntN(6)]
	l.SetFaults(func(f *cucmlab.Faults) {
		f.Logs.Form = []cucmlab.Form{"", cucmlab.FormUnquoted, cucmlab.FormXOP, cucmlab.FormBase64, cucmlab.FormRaw}[rng.IntN(5)]
		f.Logs.Dates = []cucmlab.Dates{"", cucmlab.DatesIgnored, cucmlab.DatesModified}[rng.IntN(3)]
		switch what {
		case "gone":
			f.Logs.Gone = []string{sdl[rng.IntN(len(sdl))].Path}
		case "cut":
			f.Line = []cucmlab.Line{{Service: cucmlab.GetFile, Cut: int64(900 + rng.IntN(4000)), Times: 1 + rng.IntN(3)}}
		case "rubbish":
			f.Logs.Extra = rubbish
		case "torn":
			f.Logs.Torn = int64(100 + rng.IntN(2000))
		}
	})
	return what
}

var kinds = map[string]string{cucm.LogSDL: mra.SDL, cucm.LogSystem: mra.System, cucm.LogApplication: mra.Application, cucm.LogAlerts: mra.AlertLog}

// holds compares what was kept of a log with the truth. Beyond the window there may be
// records of the time by which the clock may be wrong.
func holds(t *testing.T, site *mra.Site, f evidence.File, got []byte, window evidence.Window, ahead time.Duration, spoiled string) {
	t.Helper()
	clock := window.Shift(ahead)
	kept, lacking := 0, 0
	for _, r := range site.TraceRecords(nodeName) {
		if r.Kind != kinds[f.Family] {
			continue
		}
		i := bytes.Index(got, []byte(r.Text))
		if i >= 0 {
			got = got[i+len(r.Text):]
			kept++
			if spoiled == "rubbish" && f.Family != cucm.LogSDL && i == rubbish {
				i = 0 // of the file before: a node begins a new one at midnight
			}
			if i > 0 || !clock.Widen(4*time.Second).Contains(r.Stamp) {
				t.Errorf("%s (%s): %d bytes before a record of %s, which are none of the truth; or it is not of the window %v", f.Family, spoiled, i, r.Stamp, clock)
			}
			continue
		}
		if !clock.Contains(r.Stamp) {
			continue
		}
		lacking++
		in, at := false, r.Stamp.Add(-ahead)
		for _, s := range f.Missing {
			in = in || !at.Before(s.Since.Add(-3*time.Second)) && at.Before(s.Until.Add(3*time.Second))
		}
		if !in {
			t.Fatalf("%s (%s): a record of %s is neither kept nor said to be missing (%v): %.80q", f.Family, spoiled, r.Stamp, f.Missing, r.Text)
		}
	}
	if spoiled == "rubbish" && f.Family != cucm.LogSDL {
		return // behind plain text nothing tells it from what was written meanwhile
	}
	if len(got) > 0 {
		t.Errorf("%s (%s): %d bytes are none of the truth: %.100q", f.Family, spoiled, len(got), got)
	}
	if lacking == 0 && kept > 0 && f.Family == cucm.LogSDL && f.Coverage == evidence.Lost {
		t.Errorf("%s (%s): all is there and called lost: %v", f.Family, spoiled, f.Missing)
	}
	if testing.Verbose() {
		t.Log(f.Family, spoiled, fmt.Sprintf("%d kept, %d lacking, %s, missing %v", kept, lacking, f.Coverage, f.Missing))
	}
}

// TestTracesErrors: a node that gives nothing is a row that says why.
func TestTracesErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bench, *cucmlab.Faults)
		reason string
		text   string
	}{
		"no role":  {func(_ *bench, f *cucmlab.Faults) { f.NoRole = []cucmlab.Service{cucmlab.LogCollection} }, evidence.ReasonLogin, "lacks a role"},
		"off":      {func(_ *bench, f *cucmlab.Faults) { f.Off = []cucmlab.Service{cucmlab.LogCollection} }, evidence.ReasonAbsent, "not activated"},
		"too many": {func(b *bench, _ *cucmlab.Faults) { b.entry.Max = 1 }, evidence.ReasonTooLarge, "cucm.max"},
		"DIME":     {func(_ *bench, f *cucmlab.Faults) { f.Logs.Form = cucmlab.FormDIME }, evidence.ReasonRead, "DIME"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, b := traced(t, rand.New(rand.NewPCG(1, 1)), 4)
			b.lab.SetFaults(func(f *cucmlab.Faults) { c.change(b, f) })
			row := b.fetch()
			if row.Coverage != evidence.Lost || !strings.Contains(row.Error, c.text) || len(row.Files) == 0 || row.Files[0].Family != cucm.LogSDL || row.Files[0].Missing[0].Reason != c.reason {
				t.Errorf("%+v", row)
			}
		})
	}
}

// TestTracesClosed: what is under way ends with Close, and leaves nothing behind.
func TestTracesClosed(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	_, _, b := traced(t, rand.New(rand.NewPCG(2, 2)), 4)
	b.lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Service: cucmlab.GetFile, BodyGate: gate}} })
	g := b.gatherer()
	logs := b.complete()
	logs.Manifest.Asked = b.in.Asked
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g.Begin(b.in)
	g.Await(ctx, b.in, logs)
	waitFor(t, func() bool { return asked(b.lab, cucmlab.LogCollection) > 2 })
	g.Close()
	if left, _ := filepath.Glob(filepath.Join(b.store.IncidentDir("k"), "*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestResume: what a process leaves unfinished of a sealed incident the next one finishes.
func TestResume(t *testing.T) {
	gate := make(chan struct{})
	_, _, b := traced(t, rand.New(rand.NewPCG(3, 3)), 4)
	b.lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Service: cucmlab.GetFile, Gate: gate}} })
	g := b.gatherer()
	logs := b.complete()
	logs.Manifest.Asked = b.in.Asked
	g.Await(t.Context(), b.in, logs)
	waitFor(t, func() bool { return asked(b.lab, cucmlab.LogCollection) > 2 })
	g.Close()
	close(gate)
	b.lab.SetFaults(func(f *cucmlab.Faults) { f.Line = nil })
	b.in.State = incident.Sealed
	if err := b.store.Save(b.in); err != nil {
		t.Fatal(err)
	}
	again := b.gatherer()
	again.Resume(t.Context())
	waitFor(t, func() bool {
		s, err := material.Of(b.store, "k").Read()
		return err == nil && len(s.CUCM) == 1 && len(s.CUCM[0].Nodes) == 1 && s.CUCM[0].Nodes[0].Files[0].Records > 0
	})
	waitFor(t, func() bool { again.mu.Lock(); defer again.mu.Unlock(); return len(again.jobs) == 0 })
	before := len(b.lab.Requests())
	third := b.gatherer()
	third.Resume(t.Context())
	third.Close()
	if n := len(b.lab.Requests()); n != before {
		t.Errorf("%d requests after all was done", n-before)
	}
}

// TestLooksAgain: a look that is repeated, for the newest file was still being written, may take
// as much as the first: it replaces what that took.
func TestLooksAgain(t *testing.T) {
	defer func(was []time.Duration) { looks = was }(looks)
	looks = []time.Duration{0, 0, 0}
	_, _, b := traced(t, rand.New(rand.NewPCG(4, 4)), 4)
	now := time.Now().UTC().Truncate(time.Second)
	b.in.Asked = evidence.NewWindow(now.Add(-4*time.Minute), now)
	b.lab.SetFaults(func(f *cucmlab.Faults) { f.Logs.Torn = 7 })
	whole := int64(0)
	for _, f := range b.lab.Files(nodeName) {
		whole += f.Size
	}
	b.entry.Max = whole + whole/2
	row := b.fetch()
	fetched := 0
	for _, r := range b.lab.Requests() {
		if r.Service == cucmlab.GetFile && strings.Contains(r.Item, ".gzo") {
			fetched++
		}
	}
	if fetched < 2 {
		t.Fatalf("the open file was fetched %d times", fetched)
	}
	if strings.Contains(row.Error, "cucm.max") {
		t.Errorf("a later look had no room: %s", row.Error)
	}
}
