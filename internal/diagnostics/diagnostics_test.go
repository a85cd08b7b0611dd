package diagnostics

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/lab/apilab"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/nodehttp"
)

// archive is a tar.gz of so many bytes of text, which does not shrink much.
func archive(t testing.TB, size int) []byte {
	t.Helper()
	text := make([]byte, size)
	rng := rand.New(rand.NewPCG(14, uint64(size)))
	for i := range text {
		text[i] = byte('!' + rng.IntN(90))
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "loggingsnapshot.txt", Mode: 0o600, Size: int64(size)}); err != nil {
		t.Fatal(err)
	}
	w.Write(text)
	w.Close()
	z.Close()
	return b.Bytes()
}

// A bench is an incident whose window ends soon, and appliances.
type bench struct {
	t     *testing.T
	store *incident.Store
	in    incident.Incident
	list  []Appliance
	max   int64
}

func newBench(t *testing.T, window time.Duration, labs ...*apilab.Appliance) *bench {
	t.Helper()
	b := &bench{t: t, store: incidenttest.FastStore(t, t.TempDir()), max: 1 << 20}
	now := time.Now().UTC()
	b.in = incident.Incident{Key: "k", ID: "20261128T213000Z-hq-000001", Site: "hq", Kind: incident.KindAlert, State: incident.Running, Asked: evidence.NewWindow(now.Add(-time.Minute), now.Add(window))}
	if err := os.MkdirAll(b.store.IncidentDir("k"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.save()
	for i, l := range labs {
		b.add(fmt.Sprintf("expc0%d", i+1), l, l.Password)
	}
	return b
}

func (b *bench) save() {
	b.t.Helper()
	if err := b.store.Save(b.in); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) add(name string, l *apilab.Appliance, password string) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(l.CAPEM())
	api := &API{Host: name, Node: nodehttp.Node{Address: l.Addr(), Roots: roots, FirstByte: 2 * time.Second},
		Login: &ledger.Login{Ledger: &ledger.Ledger{Dir: filepath.Join(b.store.Dir, "api-logins")}, Peer: name, User: l.User, Secret: func() (string, error) { return password, nil }}}
	b.list = append(b.list, Appliance{Name: name, Role: "C", API: api, Max: b.max})
}

func (b *bench) taker() *Taker {
	t := &Taker{Store: b.store, Site: func(string) []Appliance { return b.list }, pace: 5 * time.Millisecond}
	b.t.Cleanup(t.Close)
	return t
}

func marked(h *Host) bool { return h.Phase == phaseStarted && len(h.Mark) > 0 }

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (t *Taker) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.jobs) == 0
}

// rows waits for the end of all work, and returns what is beside the logs.
func (b *bench) rows(t *Taker) []evidence.Diagnostic {
	b.t.Helper()
	until(b.t, "all is done", t.ended)
	s, err := material.Of(b.store, "k").Read()
	if err != nil {
		b.t.Fatal(err)
	}
	return s.Diagnostics
}

// begin starts, and seals the incident, so that nobody waits for that.
func (b *bench) begin() *Taker {
	t := b.taker()
	b.in.State = incident.Sealed
	b.save()
	t.Begin(b.in)
	return t
}

// inTime makes benches and begins until one has a row: a busy machine may begin when the window is
// over, and then rightly nothing is asked for. Each window is twice as long as the one before.
func inTime(t *testing.T, window time.Duration, l *apilab.Appliance) (*bench, []evidence.Diagnostic) {
	t.Helper()
	for ; ; window *= 2 {
		b := newBench(t, window, l)
		if rows := b.rows(b.begin()); len(rows) > 0 || window > 10*time.Second {
			return b, rows
		}
	}
}

func lab(t *testing.T, f apilab.Faults) *apilab.Appliance {
	t.Helper()
	l := apilab.New(archive(t, 50_000))
	l.SetFaults(f)
	t.Cleanup(l.Close)
	return l
}

// TestLog: started at the alert, stopped when the window is over, collected, and in the incident
// byte for byte, by every manner of the API.
func TestLog(t *testing.T) {
	for name, f := range map[string]apilab.Faults{"usual": {NotReady: 3}, "v1": {V1: true}, "POST": {POST: true}, "no mark": {NoMark: true}} {
		t.Run(name, func(t *testing.T) {
			l := lab(t, f)
			b, rows := inTime(t, 300*time.Millisecond, l)
			if len(rows) != 1 || rows[0].State != evidence.DiagnosticGot || rows[0].Started.IsZero() || rows[0].Stopped.Before(b.in.Asked.Until) || rows[0].By != l.User || rows[0].LeftOn {
				t.Fatalf("%+v, asked %q", rows, l.Asked())
			}
			text, err := os.ReadFile(filepath.Join(b.store.IncidentDir("k"), rows[0].Path))
			if err != nil || !bytes.Equal(text, archive(t, 50_000)) {
				found, _ := filepath.Glob(filepath.Join(b.store.IncidentDir("k"), "*", "*"))
				t.Errorf("%d bytes, %v: %q", len(text), err, found)
			}
			if l.Running() != "" || len(Notes(b.store)) > 0 {
				t.Errorf("%q runs, notes %+v", l.Running(), Notes(b.store))
			}
		})
	}
}

// TestNone: what is wrong is a row that says why; nothing is started, or what was is stopped.
func TestNone(t *testing.T) {
	gate := make(chan struct{})
	t.Cleanup(func() { close(gate) })
	for name, c := range map[string]struct {
		faults apilab.Faults
		why    string
		starts int
	}{
		"not in raml": {apilab.Faults{NoRAML: true}, "does not show diagnosticlogging", 0},
		"no mode":     {apilab.Faults{NoMode: true}, "cannot be told whether a run is under way", 0},
		"403":         {apilab.Faults{Denied: true}, "may not use the API (403)", 0},
		"hangs":       {apilab.Faults{Gate: gate}, "not reachable", 0},
		"deaf":        {apilab.Faults{Deaf: true}, "does not show that it runs", 1},
		"huge":        {apilab.Faults{Archive: archive(t, 3<<20)}, "larger than diagnostics.max", 1},
		"no gzip":     {apilab.Faults{Archive: []byte("<html>")}, "no gzip file", 1},
		"cut":         {apilab.Faults{CutAt: 20_000}, "cut off", 1},
		"broken off":  {apilab.Faults{CutAt: 20_000, Lengthy: true}, "broke off after", 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := lab(t, c.faults)
			b, rows := inTime(t, 200*time.Millisecond, l)
			if len(rows) != 1 || rows[0].State != evidence.DiagnosticNone || !strings.Contains(rows[0].Why, c.why) || rows[0].Path != "" || rows[0].LeftOn {
				t.Errorf("%+v", rows)
			}
			starts := 0
			for _, what := range l.Asked() {
				if what == "start" {
					starts++
				}
			}
			if starts != c.starts || l.Running() != "" {
				t.Errorf("asked %q, %q runs", l.Asked(), l.Running())
			}
			if left, _ := filepath.Glob(filepath.Join(b.store.IncidentDir("k"), "coming", "*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// TestSomebodyElse: what somebody else has started, before or meanwhile, is left alone.
func TestSomebodyElse(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		l := lab(t, apilab.Faults{})
		l.Start("TAC")
		b := newBench(t, 100*time.Millisecond, l)
		rows := b.rows(b.begin())
		if len(rows) != 1 || !strings.Contains(rows[0].Why, "left alone") || l.Running() != "TAC" || slices.Contains(l.Asked(), "stop") {
			t.Errorf("%+v, %q, asked %q", rows, l.Running(), l.Asked())
		}
	})
	t.Run("meanwhile", func(t *testing.T) {
		l := lab(t, apilab.Faults{})
		b := newBench(t, 400*time.Millisecond, l)
		taker := b.begin()
		until(t, "it is started", func() bool { n := Notes(b.store); return len(n) == 1 && marked(n[0].Hosts["expc01"]) })
		l.Start("TAC")
		rows := b.rows(taker)
		if len(rows) != 1 || rows[0].State != evidence.DiagnosticNone || l.Running() != "TAC" || slices.Contains(l.Asked(), "stop") {
			t.Errorf("%+v, %q, asked %q", rows, l.Running(), l.Asked())
		}
	})
	t.Run("stopped meanwhile", func(t *testing.T) {
		l := lab(t, apilab.Faults{})
		b := newBench(t, 400*time.Millisecond, l)
		taker := b.begin()
		until(t, "it is started", func() bool { n := Notes(b.store); return len(n) == 1 && marked(n[0].Hosts["expc01"]) })
		l.Stop()
		rows := b.rows(taker)
		if len(rows) != 1 || rows[0].State != evidence.DiagnosticGot || !rows[0].Stopped.IsZero() || slices.Contains(l.Asked(), "stop") {
			t.Errorf("%+v, asked %q", rows, l.Asked())
		}
	})
}

// TestRestart: what was started is stopped by the next process, if it is shown to be that; else it
// is left alone and said, and stays in the notes.
func TestRestart(t *testing.T) {
	for name, c := range map[string]struct {
		faults    apilab.Faults
		meanwhile func(*apilab.Appliance)
		age       time.Duration // of the last look at it
		runs      string
		left      bool
		got       bool
	}{
		"ours":              {got: true},
		"of somebody else":  {meanwhile: func(l *apilab.Appliance) { l.Start("TAC") }, runs: "TAC"},
		"no mark, at once":  {faults: apilab.Faults{NoMark: true}, got: true},
		"no mark, later":    {faults: apilab.Faults{NoMark: true}, age: 2 * blindFor, runs: "grab", left: true},
		"ended":             {meanwhile: (*apilab.Appliance).Stop, got: true},
		"not told any more": {meanwhile: func(l *apilab.Appliance) { l.SetFaults(apilab.Faults{NoMode: true}) }, runs: "grab", left: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := lab(t, c.faults)
			b := newBench(t, time.Hour, l)
			first := b.begin()
			until(t, "it is started", func() bool {
				n := Notes(b.store)
				return len(n) == 1 && n[0].Hosts["expc01"].Phase == phaseStarted && (c.faults.NoMark || marked(n[0].Hosts["expc01"]))
			})
			first.Close()
			if l.Running() != "grab" {
				t.Fatalf("%q runs", l.Running())
			}
			b.in.Asked.Until = time.Now()
			b.save()
			if c.meanwhile != nil {
				c.meanwhile(l)
			}
			if c.age > 0 {
				n := Notes(b.store)[0]
				n.Hosts["expc01"].Seen = time.Now().Add(-c.age)
				if err := noteFile(b.store, "k").Save(n); err != nil {
					t.Fatal(err)
				}
			}
			second := b.taker()
			second.Resume(t.Context())
			rows := b.rows(second)
			if len(rows) != 1 || rows[0].LeftOn != c.left || (rows[0].State == evidence.DiagnosticGot) != c.got || l.Running() != c.runs {
				t.Errorf("%+v, %q runs, asked %q", rows, l.Running(), l.Asked())
			}
			if notes := Notes(b.store); (len(notes) == 1) != c.left {
				t.Errorf("notes %+v", notes)
			}
		})
	}
}

// TestRefused: a wrong password is sent once, whatever is asked and by how many processes.
func TestRefused(t *testing.T) {
	l := lab(t, apilab.Faults{})
	b := newBench(t, 50*time.Millisecond)
	b.add("expc01", l, "no-amber-lantern")
	rows := b.rows(b.begin())
	if len(rows) != 1 || !strings.Contains(rows[0].Why, "login refused (401)") {
		t.Errorf("%+v", rows)
	}
	b.list = nil
	b.add("expc01", l, "no-amber-lantern") // another process
	if _, err := b.list[0].API.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "not tried again") || b.list[0].API.Blocked() == nil {
		t.Error(err)
	}
	if l.Failed() != 1 {
		t.Errorf("%d logins failed", l.Failed())
	}
}

// TestCluster: start and stop are the primary's; the log of each peer is taken.
func TestCluster(t *testing.T) {
	primary := lab(t, apilab.Faults{})
	peer := lab(t, apilab.Faults{Peer: primary})
	for name, labs := range map[string][]*apilab.Appliance{"primary first": {primary, peer}, "peer first": {peer, primary}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 300*time.Millisecond, labs...)
			rows := b.rows(b.begin())
			if len(rows) != 2 || rows[0].State != evidence.DiagnosticGot || rows[1].State != evidence.DiagnosticGot || primary.Running() != "" {
				t.Errorf("%+v, %q and %q", rows, primary.Asked(), peer.Asked())
			}
		})
	}
}

// TestNotHere: nothing is asked for a grab by hand, nor for a window that is over.
func TestNotHere(t *testing.T) {
	l := lab(t, apilab.Faults{})
	for _, change := range []func(*incident.Incident){func(in *incident.Incident) { in.Kind = incident.KindNow }, func(in *incident.Incident) { in.Asked.Until = time.Now().Add(-time.Second) }} {
		b := newBench(t, time.Hour, l)
		change(&b.in)
		taker := b.taker()
		taker.Begin(b.in)
		if !taker.ended() || len(l.Asked()) > 0 {
			t.Errorf("%q", l.Asked())
		}
	}
}

// FuzzShown: whatever an appliance says, two that contradict each other are no answer, and nothing
// is both running and idle.
func FuzzShown(f *testing.F) {
	for _, s := range []string{`{"Mode":"start"}`, `{"Mode":"stop","Status":"running"}`, `{"DownLoadStatus":"Ready to download"}`, `{"a":{}}`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadShown(text)
		if err != nil {
			return
		}
		if len(s) > maxFields {
			t.Errorf("%d fields", len(s))
		}
		run := s.Run()
		s["mode"], s["state"] = "start", "stop"
		if got := s.Run(); got != Unknown {
			t.Errorf("%s and then %s", run, got)
		}
		if strings.ContainsAny(s.String(), "\n\x1b") {
			t.Errorf("%q", s.String())
		}
	})
}
