package owner

import (
	"context"
	"crypto/tls"
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

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/share"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
)

// quick is how many times shorter waits are than in earnest.
const quick = 10

// A rig is a collector with all that settles incidents, but for hosts, mails and bundles.
type rig struct {
	t      testing.TB
	name   string
	others []string
	alone  atomic.Bool // it does not know of the others
	unfit  atomic.Bool
	url    string
	tls    *tls.Config

	st      *incident.Store
	j       *triage.Journal
	hub     atomic.Pointer[hub.Hub]
	owner   *Owner
	lacks   time.Duration // at the end of the window, of every log
	sealing func()        // called before a bundle is written; nil: nothing
	stop    func()

	pull   func(host, dir string) runner.Puller // nil: a line of each log is copied
	lender *share.Lender                        // nil: nothing is lent

	undelivered func(key string) bool // nil: all is
	goneAfter   time.Duration         // zero: as it is
}

// puller copies a line.
type puller struct {
	host, dir string
	lacks     time.Duration
}

func (p puller) Pass(_ context.Context, q runner.Pass) (evidence.Host, error) {
	q.Held(time.Now())
	row := evidence.Host{Host: p.host, ClockFrom: "none", BodiesLogged: "yes"}
	for _, fam := range incidenttest.Sites[0].Families {
		if err := os.WriteFile(filepath.Join(p.dir, fam), []byte("x\n"), 0o600); err != nil {
			return row, err
		}
		f := evidence.File{Family: fam, Path: "hosts/" + p.host + "/" + fam + ".txt", Bytes: 2}
		if p.lacks > 0 {
			f.Missing = []evidence.Span{{Since: q.Asked.Since, Until: q.Asked.Since.Add(p.lacks), Reason: evidence.ReasonRotated}}
		}
		f.Coverage = evidence.Judge(q.Asked, f.Missing)
		row.Files = append(row.Files, f)
	}
	row.Conclude()
	return row, nil
}

func (p puller) Open(family string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(p.dir, family))
}
func (p puller) Close() error { return nil }

func policy() incident.Policy {
	p := incidenttest.Policy()
	p.Before, p.After, p.Settle, p.Patience = 20*time.Second, 50*time.Millisecond, 10*time.Millisecond, 5*time.Second
	return p
}

// start begins, or begins again, with what is in dir.
func (r *rig) start(dir string) {
	r.t.Helper()
	r.st = incidenttest.FastStore(r.t, dir)
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("OWNER_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("of", r.name)
	}
	var err error
	if r.j, err = triage.OpenJournal(r.st, incidenttest.Sites, policy(), log, nil); err != nil {
		r.t.Fatal(err)
	}
	h, err := hub.Open(hub.Options{Servers: []string{r.url}, Name: r.name, TLS: r.tls})
	if err != nil {
		r.t.Fatal(err)
	}
	r.hub.Store(h)
	run := &runner.Runner{Store: r.st, Policy: policy, Sites: func() []incident.Site { return incidenttest.Sites }, Log: log,
		Logs:         runner.Logs{NewPuller: func(_, host, dir string) (runner.Puller, error) { return puller{host, dir, r.lacks}, nil }},
		Seal:         r.seal,
		VerifyBundle: verify}
	r.owner = New(&Owner{Place: func() (string, []incident.Site) { return r.name, incidenttest.Sites }, Hub: r.hub.Load,
		Collectors: func(string) []string {
			if r.alone.Load() {
				return []string{r.name}
			}
			return append([]string{r.name}, r.others...)
		}, Runner: run, Table: r.j.Table(), Unfit: r.unfit.Load, Log: log, Quick: quick, GoneAfter: r.goneAfter})
	run.Undelivered = r.undelivered
	run.Beside.Own = r.owner.Own
	if r.pull != nil {
		run.NewPuller = func(_, host, dir string) (runner.Puller, error) { return r.pull(host, dir), nil }
	}
	if r.lender != nil {
		r.lender.Store, r.lender.Table, r.lender.Log = r.st, r.j.Table(), log
		run.Beside.Borrow = r.lender.Borrow
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for h.Wait(ctx) == nil && ctx.Err() == nil {
			r.owner.Run(ctx, h)
		}
	})
	wg.Go(func() { run.Run(ctx, r.j) })
	if r.lender != nil {
		wg.Go(func() {
			for h.Wait(ctx) == nil && ctx.Err() == nil {
				r.lender.Run(ctx, h)
			}
		})
	}
	r.stop = sync.OnceFunc(func() {
		cancel()
		h.Close()
		wg.Wait()
		r.j.Close()
	})
	r.t.Cleanup(r.stop)
}

func (r *rig) seal(_ context.Context, job runner.SealJob) (runner.SealedBundle, error) {
	if r.sealing != nil {
		r.sealing()
	}
	if err := job.Analyzed(""); err != nil {
		return runner.SealedBundle{}, err
	}
	text, err := json.Marshal(job.Manifest)
	path := job.Base + ".zip"
	return runner.SealedBundle{Path: path, Bytes: int64(len(text))}, errors.Join(err, os.WriteFile(path, text, 0o600))
}

func verify(_ context.Context, path, id string, _ int) (evidence.Manifest, error) {
	text, err := os.ReadFile(path)
	var m evidence.Manifest
	err = errors.Join(err, json.Unmarshal(text, &m))
	if err == nil && m.Incident != id {
		err = errors.New("of another incident")
	}
	return m, err
}

// take has the collector hear of an alert.
func (r *rig) take(a evidence.Alert) {
	r.t.Helper()
	if _, err := r.j.Add(context.Background(), a, []byte("mail"), false, a.Time); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.j.Decide(time.Now()); err != nil {
		r.t.Fatal(err)
	}
}

// publish puts an alert on the hub, as an outbox does.
func publish(t testing.TB, js jetstream.JetStream, a evidence.Alert) {
	t.Helper()
	b, err := json.Marshal(fleet.Alert{Alert: a, Site: "hq", From: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), fleet.AlertSubject("hq"), b, jetstream.WithMsgID(fleet.ClaimKey("hq", a.ID))); err != nil {
		t.Fatal(err)
	}
}

// alert is one of this moment, of a node and a kind of its own, so that it is an incident.
func alert(node string) evidence.Alert {
	now := time.Now()
	n := 1
	return evidence.Alert{ID: incidenttest.AlertID(node + now.String()), Name: "Partial", Cluster: "c1", Node: node, Count: &n, Time: now, Received: &now}
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to pass: %s", what)
		}
	}
}

// index are the alerts of a store's sealed incidents, each with how often; settled: none is open, or unclaimed.
func index(t testing.TB, st *incident.Store) (in map[string]int, settled bool) {
	t.Helper()
	keys, err := st.Keys()
	if err != nil {
		t.Fatal(err)
	}
	in, settled = map[string]int{}, true
	if going, err := os.ReadDir(filepath.Join(st.Dir, "removing")); err == nil && len(going) > 0 {
		settled = false
	}
	for _, k := range keys {
		i, err := st.Read(k)
		if err != nil {
			settled = false // being removed
			continue
		}
		settled = settled && i.State == incident.Sealed && !i.Fleet.Unclaimed
		if i.State != incident.Sealed || len(i.Fleet.SupplementOf) > 0 {
			continue
		}
		for _, m := range i.Members {
			in[m.Alert]++
		}
	}
	return in, settled
}

// once checks that each alert is in one incident of one collector, with one bundle, once all have settled.
func once(t *testing.T, alerts []evidence.Alert, stores ...*incident.Store) {
	t.Helper()
	until(t, "each alert is in one index", func() bool {
		total := map[string]int{}
		for _, st := range stores {
			in, settled := index(t, st)
			if !settled {
				return false
			}
			for a, n := range in {
				total[a] += n
			}
		}
		return !slices.ContainsFunc(alerts, func(a evidence.Alert) bool { return total[a.ID] == 0 })
	})
	total := map[string]int{}
	bundles := map[string]string{}
	for i, st := range stores {
		in, _ := index(t, st)
		for a, n := range in {
			total[a] += n
		}
		entries, err := os.ReadDir(st.Bundles())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if other := bundles[e.Name()]; other != "" && !supplements(st) {
				t.Errorf("bundle %s is at %s and at %d", e.Name(), other, i)
			}
			bundles[e.Name()] = fmt.Sprint(i)
		}
	}
	for _, a := range alerts {
		if total[a.ID] != 1 {
			t.Errorf("alert of %s is in %d indexes", a.Node, total[a.ID])
		}
	}
}

// supplements reports whether a store has kept what others have too.
func supplements(st *incident.Store) bool {
	l, err := st.List()
	return err == nil && slices.ContainsFunc(l, func(l incident.Listed) bool { return len(l.SupplementOf) > 0 })
}

// removals are the lines of what a store gave to others.
func removals(t testing.TB, st *incident.Store) (list []incident.Removal) {
	t.Helper()
	if err := incident.EachRemoved(st, func(r incident.Removal) bool { list = append(list, r); return true }); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if len(r.In) == 0 || !strings.Contains(r.Why, r.In[0].Collector) {
			t.Errorf("a removal does not say by whom: %+v", r)
		}
	}
	return list
}
