package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/incident/triage"
)

// A call is one pass as a fake host saw it.
type call struct {
	at    time.Time
	asked evidence.Window
}

// fakeHost plays one host for all pullers of a test. script says what the n'th pass
// (from 0) suffers before it copies: nil for nothing.
type fakeHost struct {
	mu     sync.Mutex
	script func(ctx context.Context, n int, p Pass) error
	calls  []call
	after  func(row *evidence.Host) // changes the row at last
	lose   func(n int) error        // the error after the n'th pass has copied something
}

func (f *fakeHost) seen() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]call(nil), f.calls...)
}

type fakePuller struct {
	host string
	dir  string
	f    *fakeHost
	row  evidence.Host
}

func (p *fakePuller) slice(family string) string { return filepath.Join(p.dir, family+".slice") }

// Pass copies one line per window, and is complete if the window is over.
func (p *fakePuller) Pass(ctx context.Context, q Pass) (evidence.Host, error) {
	p.f.mu.Lock()
	n := len(p.f.calls)
	p.f.calls = append(p.f.calls, call{time.Now(), q.Asked})
	script := p.f.script
	p.f.mu.Unlock()
	if p.row.Host == "" {
		p.row, _, _ = atomicfile.JSON[evidence.Host]{Path: filepath.Join(p.dir, "row")}.Load()
	}
	if p.row.Host == "" {
		p.row = evidence.Lacking(evidence.Host{Host: p.host, ClockFrom: "none"}, incidenttest.Sites[0].Families, q.Asked, evidence.ReasonUnreachable)
	}
	if script != nil {
		if err := script(ctx, n, q); err != nil {
			row := manifest.Stretched(p.row, q.Asked, q.Asked)
			row.Error = err.Error()
			return row, err
		}
	}
	q.Held(time.Now())
	row := evidence.Host{Host: p.host, ClockFrom: "none", BodiesLogged: "yes"}
	for _, fam := range incidenttest.Sites[0].Families {
		text := fmt.Sprintf("%s %s %s %s\n", p.host, fam, q.Asked.Since.Format(time.RFC3339), strings.Repeat("x", n))
		if err := os.WriteFile(p.slice(fam), []byte(text), 0o600); err != nil {
			return row, err
		}
		f := evidence.File{Family: fam, Path: "hosts/" + p.host + "/" + fam + ".txt", Bytes: int64(len(text))}
		if now := time.Now(); now.Before(q.Asked.Until) {
			f.Missing = []evidence.Span{{Since: now, Until: q.Asked.Until, Reason: evidence.ReasonRotated}}
		}
		f.Coverage = evidence.Judge(q.Asked, f.Missing)
		row.Files = append(row.Files, f)
	}
	row.Conclude()
	if p.f.after != nil {
		p.f.after(&row)
	}
	p.row = row
	text, err := json.Marshal(row)
	if err != nil {
		return row, err
	}
	err = os.WriteFile(filepath.Join(p.dir, "row"), text, 0o600)
	if p.f.lose != nil && err == nil {
		err = p.f.lose(n)
	}
	return row, err
}

func (p *fakePuller) Open(family string) (io.ReadCloser, error) { return os.Open(p.slice(family)) }
func (p *fakePuller) Close() error                              { return nil }

// bench is a store with a runner on fake hosts and a fake sealer.
type bench struct {
	t     testing.TB
	st    *incident.Store
	r     *Runner
	hosts map[string]*fakeHost

	mu     sync.Mutex
	events []Event
	seals  int
	seal   func(n int) error // what the n'th sealing suffers first

	noReport string // why no report can be made; empty: one can
}

// setNoReport says why no report can be made from now on, while a runner works.
func (b *bench) setNoReport(why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noReport = why
}

func (b *bench) reportFault() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.noReport
}

func newBench(t testing.TB, st *incident.Store) *bench {
	b := &bench{t: t, st: st, hosts: map[string]*fakeHost{}}
	for _, h := range incidenttest.Sites[0].Hosts {
		b.hosts[h.Name] = &fakeHost{}
	}
	b.r = &Runner{
		Store: st, Policy: incidenttest.Policy, Sites: func() []incident.Site { return incidenttest.Sites }, Log: slog.New(slog.DiscardHandler),
		Logs: Logs{NewPuller: func(site, host, dir string) (Puller, error) {
			return &fakePuller{host: host, dir: dir, f: b.hosts[host]}, nil
		}, Unpack: unpackIt},
		Seal: b.sealIt, VerifyBundle: verifyIt,
		Events: func(e Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
		},
	}
	return b
}

func (b *bench) count(what string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.What == what {
			n++
		}
	}
	return n
}

// fakeBundle is what the fake sealer writes.
type fakeBundle struct {
	Manifest evidence.Manifest
	Slices   map[string]string
	Mails    map[string]string
	Extra    map[string]string
}

// unpackIt writes files of a fake bundle.
func unpackIt(ctx context.Context, path, id string, rev int, dir string, want func(name string) bool) error {
	if _, err := verifyIt(ctx, path, id, rev); err != nil {
		return err
	}
	fb, err := readBundle(path)
	for _, files := range []map[string]string{fb.Slices, fb.Mails, fb.Extra} {
		for name, text := range files {
			if want(name) && err == nil {
				to := filepath.Join(dir, filepath.FromSlash(name))
				err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, []byte(text), 0o600))
			}
		}
	}
	return err
}

func (b *bench) sealIt(ctx context.Context, job SealJob) (SealedBundle, error) {
	why := job.Plain
	if why == "" {
		why = b.reportFault()
	}
	if err := job.Analyzed(why); err != nil {
		return SealedBundle{}, err
	}
	path, err := b.writeIt(ctx, job)
	return SealedBundle{Path: path, NoReport: why}, err
}

func (b *bench) writeIt(ctx context.Context, job SealJob) (string, error) {
	b.mu.Lock()
	n := b.seals
	b.seals++
	fail := b.seal
	b.mu.Unlock()
	if fail != nil {
		if err := fail(n); err != nil {
			return "", err
		}
	}
	fb := fakeBundle{job.Manifest, map[string]string{}, map[string]string{}, map[string]string{}}
	read := func(r io.ReadCloser, err error) (string, error) {
		if err != nil {
			return "", err
		}
		defer r.Close()
		text, err := io.ReadAll(r)
		return string(text), err
	}
	for _, h := range job.Manifest.Hosts {
		for _, f := range h.Files {
			if f.Path == "" {
				continue
			}
			text, err := read(job.Open(h.Host, f.Family))
			if err != nil {
				return "", err
			}
			fb.Slices[f.Path] = text
		}
	}
	for _, a := range job.Manifest.Alerts {
		text, err := read(job.Mail(a.ID))
		if err != nil {
			return "", err
		}
		fb.Mails[a.File] = text
	}
	for _, x := range job.Extra {
		text, err := os.ReadFile(x.Path)
		if err != nil {
			return "", err
		}
		fb.Extra[x.Name] = string(text)
	}
	text, err := json.Marshal(fb)
	if err != nil {
		return "", err
	}
	path := job.Base + ".zip"
	if err := b.change("part", path, func() error { return os.WriteFile(path+".part", text, 0o600) }); err != nil {
		return "", err
	}
	return path, b.change("rename", path, func() error { return os.Rename(path+".part", path) })
}

// change changes the disk with the store's faults around it.
func (b *bench) change(op, name string, f func() error) error {
	fault := b.st.Fault
	if fault == nil {
		return f()
	}
	if err := fault(op, name); err != nil {
		return err
	}
	return errors.Join(f(), fault(op+" done", name))
}

func verifyIt(ctx context.Context, path, id string, rev int) (evidence.Manifest, error) {
	fb, err := readBundle(path)
	if err == nil && (fb.Manifest.Incident != id || fb.Manifest.Revision != rev) {
		err = fmt.Errorf("it is of %s revision %d", fb.Manifest.Incident, fb.Manifest.Revision)
	}
	return fb.Manifest, err
}

func readBundle(path string) (fb fakeBundle, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &fb)
	}
	return fb, err
}

// bundles are the files in the store's bundle folder.
func (b *bench) bundles() (names []string) {
	entries, err := os.ReadDir(b.st.Bundles())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// watch runs the journal and the runner until stop is called, which waits.
func (b *bench) watch(j *triage.Journal) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.r.Run(ctx, j) }()
	return func() {
		b.t.Helper()
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run: %v", err)
		}
		j.Close()
	}
}

func (b *bench) journal() *triage.Journal {
	b.t.Helper()
	j, err := triage.OpenJournal(b.st, incidenttest.Sites, incidenttest.Policy(), b.r.Log, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

// alertNow adds an alert of this moment.
func (b *bench) alertNow(j *triage.Journal, node string, n int) evidence.Alert {
	b.t.Helper()
	now := time.Now()
	a := evidence.Alert{ID: incidenttest.AlertID(fmt.Sprint(now, node, n)), Name: "Partial", Cluster: "c1", Node: node, Count: &n, Time: now, Received: &now}
	b.put(j, a)
	return a
}

func (b *bench) put(j *triage.Journal, a evidence.Alert) {
	b.t.Helper()
	b.add(j, a)
	b.decide(j)
}

func (b *bench) add(j *triage.Journal, a evidence.Alert) {
	b.t.Helper()
	if _, err := j.Add(context.Background(), a, []byte("mail "+a.ID), false, a.Time); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) decide(j *triage.Journal) {
	b.t.Helper()
	if _, err := j.Decide(time.Now()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) list() []incident.Listed {
	b.t.Helper()
	l, err := b.st.List()
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// sealedOnly is the one incident, which must be sealed, with its bundle.
func (b *bench) sealedOnly() (incident.Incident, fakeBundle) {
	b.t.Helper()
	l := b.list()
	if len(l) != 1 || l[0].State != incident.Sealed {
		b.t.Fatalf("list: %+v, want one sealed incident", l)
	}
	in, err := b.st.Load(l[0].Incident)
	if err != nil {
		b.t.Fatal(err)
	}
	fb, err := readBundle(in.Bundle)
	if err != nil {
		b.t.Fatal(err)
	}
	return in, fb
}

var errPassing = errors.New("connection refused")

func hasNote(notes []string, part string) bool {
	for _, n := range notes {
		if strings.Contains(n, part) {
			return true
		}
	}
	return false
}
