//go:build linux

package bench

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet/alerts"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/member"
	"rtmtgrab/internal/fleet/owner"
	"rtmtgrab/internal/fleet/sight"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
)

// A fleetMember is a collector with all that it has of a fleet, a store and a journal; its hosts are
// held and copied at once, and its bundles are their manifests.
type fleetMember struct {
	tb      testing.TB
	name    string
	sites   []incident.Site
	st      *incident.Store
	journal *triage.Journal
	runner  *runner.Runner
	x       *alerts.Exchange
	m       *member.Member
	stop    func()
	line    wire

	mu   sync.Mutex
	held map[string]time.Time // by site: when its hosts were held last
}

var fleetPolicy = incident.Policy{Before: 10 * time.Minute, After: time.Millisecond, Max: time.Hour, Settle: 10 * time.Millisecond, Patience: time.Minute, Cooldown: time.Second, Again: time.Hour, MaxAge: 24 * time.Hour}

func newFleetMember(tb testing.TB, dir, name string, sites []incident.Site, servers []string, trust *tls.Config) *fleetMember {
	f := &fleetMember{tb: tb, name: name, sites: sites, held: map[string]time.Time{}}
	must(tb, os.MkdirAll(dir, 0o700))
	var err error
	f.st, err = incident.OpenStore(dir)
	must(tb, err)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})).With("of", name)
	f.journal, err = triage.OpenJournal(f.st, sites, fleetPolicy, log, nil)
	must(tb, err)
	f.x, err = alerts.Open(f.st, func() (alerts.Place, bool) {
		return alerts.Place{Name: name, Sites: sites, MaxAge: fleetPolicy.MaxAge}, true
	}, f.journal, &incoming.Intake{Journal: f.journal, Log: log}, log)
	must(tb, err)
	f.runner = &runner.Runner{Store: f.st, Policy: func() incident.Policy { return fleetPolicy }, Sites: func() []incident.Site { return sites }, Log: log,
		Logs: runner.Logs{NewPuller: func(site, host, dir string) (runner.Puller, error) { return fleetPuller{f, site, host, dir}, nil }},
		Seal: manifestAlone, VerifyBundle: func(context.Context, string, string, int) (m evidence.Manifest, err error) { return m, nil }}
	f.m = &member.Member{Log: log, Options: func(*config.Config) (hub.Options, error) {
		return hub.Options{Servers: servers, Name: name, TLS: trust, Log: log, Dialer: &f.line}, nil
	}}
	pairs := owner.New(&owner.Owner{Place: func() (string, []incident.Site) { return name, sites }, Hub: f.m.Hub, Collectors: f.x.Directory.Collectors, Runner: f.runner, Table: f.journal.Table(), Log: log})
	f.runner.Beside.Own = pairs.Own
	seen := &sight.Sight{Name: func() string { return name }, Self: f.report, Waiting: func() int { return f.x.State().Waiting }, Log: log}
	f.m.Workers = append(f.x.Workers(), member.Worker{Name: "status", Run: seen.Run}, member.Worker{Name: "whose incidents are", Run: pairs.Run, Stays: true})
	return f
}

// A wire counts what passes between a collector and the hub, as TLS has it.
type wire struct{ in, out atomic.Int64 }

func (w *wire) Dial(network, address string) (net.Conn, error) {
	c, err := net.DialTimeout(network, address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &counted{c, w}, nil
}

type counted struct {
	net.Conn
	wire *wire
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.in.Add(int64(n))
	return n, err
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.wire.out.Add(int64(n))
	return n, err
}

// start has it join.
func (f *fleetMember) start() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { f.runner.Run(ctx, f.journal) })
	f.m.Configure(ctx, &config.Config{Fleet: &fleetconf.Fleet{Tenant: "acme", Name: f.name}})
	f.stop = sync.OnceFunc(func() {
		f.m.Close()
		cancel()
		wg.Wait()
		f.journal.Close()
	})
	f.tb.Cleanup(f.stop)
}

func (f *fleetMember) report() status.Report {
	r := status.Report{Works: true, Now: time.Now(), Version: "bench"}
	for _, s := range f.sites {
		r.Sites = append(r.Sites, status.Site{Site: s.Name, Works: true})
	}
	return r
}

// see takes an alert as it comes from a mailbox.
func (f *fleetMember) see(a evidence.Alert) {
	lost := f.journal.Lost()
	_, err := f.journal.Take(context.Background(), a, fleetMail, false, time.Now())
	must(f.tb, err)
	must(f.tb, f.journal.Commit(lost))
	_, err = f.journal.Decide(time.Now())
	must(f.tb, err)
}

// fleetMail is about as long as RTMT's are.
var fleetMail = make([]byte, 2<<10)

// heldAt is when a site's hosts were held last; zero: never.
func (f *fleetMember) heldAt(site string) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held[site]
}

// sealed are the alerts of the incidents in its index; open is how many are not settled.
func (f *fleetMember) sealed() (list []string, open int) {
	keys, err := f.st.Keys()
	must(f.tb, err)
	for _, k := range keys {
		in, err := f.st.Read(k)
		if err != nil || in.State != incident.Sealed || !in.Fleet.Claimed && len(in.Fleet.SupplementOf) == 0 {
			open++
			continue
		}
		for _, m := range in.Members {
			list = append(list, m.Alert)
		}
	}
	return list, open
}

type fleetPuller struct {
	f               *fleetMember
	site, host, dir string
}

func (p fleetPuller) Pass(_ context.Context, q runner.Pass) (evidence.Host, error) {
	now := time.Now()
	q.Held(now)
	p.f.mu.Lock()
	p.f.held[p.site] = now
	p.f.mu.Unlock()
	row := evidence.Host{Host: p.host, ClockFrom: "none", BodiesLogged: "yes"}
	for _, family := range fleetFamilies {
		if err := os.WriteFile(filepath.Join(p.dir, family), []byte("x\n"), 0o600); err != nil {
			return row, err
		}
		row.Files = append(row.Files, evidence.File{Family: family, Path: "hosts/" + p.host + "/" + family + ".txt", Bytes: 2, Coverage: evidence.Complete})
	}
	row.Conclude()
	return row, nil
}

func (p fleetPuller) Open(family string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(p.dir, family))
}
func (p fleetPuller) Close() error { return nil }

var fleetFamilies = []string{"network_log", "event_log", "messages"}

func manifestAlone(_ context.Context, job runner.SealJob) (runner.SealedBundle, error) {
	if err := job.Analyzed(""); err != nil {
		return runner.SealedBundle{}, err
	}
	text, err := json.Marshal(job.Manifest)
	path := job.Base + ".zip"
	return runner.SealedBundle{Path: path, Bytes: int64(len(text))}, errors.Join(err, os.WriteFile(path, text, 0o600))
}

// fleetSites are so many sites of two hosts each.
func fleetSites(n int) (all []incident.Site) {
	for i := range n {
		s := incident.Site{Name: fmt.Sprintf("site%04d", i), Clusters: []string{clusterOf(i)}, TimeZone: "UTC", Families: fleetFamilies}
		for k, role := range []string{"C", "E"} {
			s.Hosts = append(s.Hosts, incident.HostRef{Name: fmt.Sprintf("exp%s%04d", role, i), Role: role, Address: fmt.Sprintf("10.%d.%d.%d:22", i>>8, i&255, k+1)})
		}
		all = append(all, s)
	}
	return all
}
