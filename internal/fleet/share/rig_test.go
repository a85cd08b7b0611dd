package share

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/testserver"
)

// A world is a site's hosts, a hub, and what the directory says.
type world struct {
	t     *testing.T
	nats  *testserver.NATS
	js    jetstream.JetStream
	hosts map[string]string // folders, by name
	alert evidence.Alert

	mu      sync.Mutex
	entries []fleet.Entry
}

var errCut = errors.New("connection cut")

// newWorld has two hosts, each with logs of the last minutes: rows of records of a second.
func newWorld(t *testing.T, each int) *world {
	t.Helper()
	w := &world{t: t, nats: testserver.StartNATS(t, testserver.NATSOptions{}), hosts: map[string]string{}}
	h := w.open()
	w.js = h.Stream
	if err := errors.Join(h.Wait(t.Context()), hub.Ensure(t.Context(), w.js, 1)); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	for _, h := range incidenttest.Sites[0].Hosts {
		dir := t.TempDir()
		for _, family := range incidenttest.Sites[0].Families {
			var b strings.Builder
			for i := range 120 {
				at := now.Add(time.Duration(i-120) * time.Second)
				fmt.Fprintf(&b, "%s %s tvcs: UTCTime=%q Module=\"network.sip\" Level=\"INFO\":  n=\"<%d>\" %s\n", at.Format("2006-01-02T15:04:05.000-07:00"), h.Name,
					strings.Replace(at.Format("2006-01-02 15:04:05.000"), ".", ",", 1), i, strings.Repeat(family, each))
			}
			if err := os.WriteFile(filepath.Join(dir, family), []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.hosts[h.Name] = dir
	}
	n := 1
	w.alert = evidence.Alert{ID: incidenttest.AlertID(now.String()), Name: "Partial", Cluster: "c1", Node: "cucm01", Count: &n, Time: now, Received: &now}
	return w
}

func (w *world) open() *hub.Hub {
	w.t.Helper()
	h, err := hub.Open(hub.Options{Servers: []string{w.nats.URL}, TLS: w.nats.ClientTLS()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(h.Close)
	return h
}

func (w *world) of(site string) []fleet.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.entries)
}

// there are the keys of the bucket, of a collector.
func (w *world) there(collector string) []string {
	w.t.Helper()
	b, err := w.js.KeyValue(w.t.Context(), fleet.ShareBucket)
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := keys(w.t.Context(), b, fleet.Token(collector)+".>", 10_000)
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		w.t.Fatal(err)
	}
	return list
}

// A rig is a collector of the site.
type rig struct {
	*world
	name    string
	reaches []string // hosts
	lends   bool
	ahead   time.Duration // its clock
	act     atomic.Value  // runner.Act, whose incidents are

	st     *incident.Store
	j      *triage.Journal
	run    *runner.Runner
	lender *Lender
	hub    atomic.Pointer[hub.Hub]
	logged *lines
	stop   func()
}

// A lines is a log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), s)
}

func (w *world) rig(name string, lends bool, reaches ...string) *rig {
	w.t.Helper()
	r := &rig{world: w, name: name, lends: lends, reaches: reaches, st: incidenttest.FastStore(w.t, w.t.TempDir()), logged: &lines{}}
	r.act.Store(runner.ActWait)
	e := fleet.Entry{Site: "hq", Collector: name}
	ring := KeysIn(r.st)
	if lends {
		k, err := ring()
		if err != nil {
			w.t.Fatal(err)
		}
		e.Lends = k.Public()
	}
	w.mu.Lock()
	w.entries = append(w.entries, e)
	w.mu.Unlock()
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("%s has logged:\n%s", name, r.logged.b.String())
		}
	})
	log := slog.New(slog.NewTextHandler(r.logged, nil))
	var err error
	if r.j, err = triage.OpenJournal(r.st, incidenttest.Sites, policy(), log, nil); err != nil {
		w.t.Fatal(err)
	}
	r.hub.Store(w.open())
	r.run = &runner.Runner{Store: r.st, Policy: policy, Sites: func() []incident.Site { return incidenttest.Sites }, Log: log,
		Logs: runner.Logs{NewPuller: r.puller}, Seal: seal, VerifyBundle: func(context.Context, string, string, int) (m evidence.Manifest, err error) { return m, nil }}
	r.lender = &Lender{Place: func() Place { return Place{"acme", name, lends} }, Entries: w.of, Hub: r.hub.Load, Keys: ring, Store: r.st, Table: r.j.Table(), Log: log, Quick: 20,
		Now: func() time.Time { return time.Now().Add(r.ahead) }}
	r.run.Beside.Borrow = r.lender.Borrow
	r.run.Beside.Own = func(context.Context, incident.Incident, []evidence.Host) (runner.Verdict, error) {
		return runner.Verdict{Act: r.act.Load().(runner.Act), By: "somebody", Again: 20 * time.Millisecond}, nil
	}
	return r
}

func policy() incident.Policy {
	p := incidenttest.Policy()
	p.Before, p.After, p.Settle, p.Patience = 100*time.Second, 50*time.Millisecond, 10*time.Millisecond, time.Second
	return p
}

func seal(_ context.Context, job runner.SealJob) (runner.SealedBundle, error) {
	if err := job.Analyzed(""); err != nil {
		return runner.SealedBundle{}, err
	}
	for _, h := range job.Manifest.Hosts {
		for _, f := range h.Files {
			if f.Path == "" {
				continue
			}
			in, err := job.Open(h.Host, f.Family)
			if err != nil {
				return runner.SealedBundle{}, err
			}
			b, err := io.ReadAll(in)
			in.Close()
			if err = errors.Join(err, os.WriteFile(job.Base+"."+h.Host+"."+f.Family+".part", b, 0o600)); err != nil {
				return runner.SealedBundle{}, err
			}
		}
	}
	text, err := json.Marshal(job.Manifest)
	path := job.Base + ".zip"
	return runner.SealedBundle{Path: path, Bytes: int64(len(text))}, errors.Join(err, os.WriteFile(path, text, 0o600))
}

// begin begins its work, and has it hear of the alert.
func (r *rig) begin() {
	r.t.Helper()
	r.hear(func(ctx context.Context) {
		for h := r.hub.Load(); h.Wait(ctx) == nil && ctx.Err() == nil; {
			if err := r.lender.Run(ctx, h); err != nil && ctx.Err() == nil {
				r.lender.Log.Warn("lending failed", "err", err)
				rest(ctx, 100*time.Millisecond)
			}
		}
	})
}

// hear begins its work but for lending, and has it hear of the alert; beside is done until it stops.
func (r *rig) hear(beside ...func(ctx context.Context)) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	h := r.hub.Load()
	wg.Go(func() { r.run.Run(ctx, r.j) })
	for _, do := range beside {
		wg.Go(func() { do(ctx) })
	}
	r.stop = sync.OnceFunc(func() {
		cancel()
		h.Close()
		wg.Wait()
		r.j.Close()
	})
	r.t.Cleanup(r.stop)
	if _, err := r.j.Add(r.t.Context(), r.alert, []byte("mail"), false, r.alert.Time); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.j.Decide(time.Now()); err != nil {
		r.t.Fatal(err)
	}
}

// incident is its one.
func (r *rig) incident() (in incident.Incident) {
	if keys, err := r.st.Keys(); err == nil && len(keys) == 1 {
		in, _ = r.st.Read(keys[0])
	}
	return in
}

func (r *rig) sealed() bool { return r.incident().State == incident.Sealed }

func (r *rig) stands() bool { return r.incident().Fleet.Standing }

// manifest is that of its bundle, and slice what is in it of a log.
func (r *rig) manifest() (m evidence.Manifest) {
	r.t.Helper()
	b, err := os.ReadFile(r.incident().Bundle)
	if err = errors.Join(err, json.Unmarshal(b, &m)); err != nil {
		r.t.Fatal(err)
	}
	return m
}

func (r *rig) slice(host, family string) string {
	b, _ := os.ReadFile(strings.TrimSuffix(r.incident().Bundle, ".zip") + "." + host + "." + family + ".part")
	return string(b)
}

// row is what it has of a host, and of which window.
func (r *rig) row(host string) (evidence.Host, evidence.Window) {
	r.t.Helper()
	h, err := r.st.ReadHost(r.incident().Key, host)
	if err != nil {
		r.t.Fatal(err)
	}
	return h.Result, h.Judged
}

// grab is how a puller of it asks a host.
type grab struct{ *fetch.Grab }

func (g grab) Pass(ctx context.Context, q runner.Pass) (evidence.Host, error) {
	return g.Grab.Pass(ctx, q.Asked, q.Held)
}

func (r *rig) puller(_, host, dir string) (runner.Puller, error) {
	g := &fetch.Grab{Dir: dir, Host: hostconn.Host{Name: host, Dir: r.hosts[host], Families: incidenttest.Sites[0].Families, Dial: func(context.Context) (hostconn.Conn, error) {
		if !slices.Contains(r.reaches, host) {
			return nil, errCut
		}
		return local{r.ahead}, nil
	}}}
	return grab{g}, nil
}

// A local is a connection to a folder.
type local struct{ ahead time.Duration }

func (local) List(_ context.Context, dir string) (list []hostconn.Entry, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if i, err := e.Info(); err == nil {
			list = append(list, hostconn.Entry{Name: e.Name(), Size: i.Size(), MTime: i.ModTime().Truncate(time.Second), Regular: true})
		}
	}
	return list, err
}

func (local) Open(_ context.Context, name string) (hostconn.Handle, error) {
	f, err := os.Open(name)
	return handle{f}, err
}

func (l local) Clock(context.Context) (offset, doubt time.Duration, err error) {
	return -l.ahead, 0, nil
}
func (local) HostKey() string { return "SHA256:local" }
func (local) Close(bool)      {}

type handle struct{ *os.File }

func (h handle) Stat() (int64, time.Time, error) {
	i, err := h.File.Stat()
	if err != nil {
		return 0, time.Time{}, err
	}
	return i.Size(), i.ModTime().Truncate(time.Second), nil
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to pass: %s", what)
		}
	}
}
