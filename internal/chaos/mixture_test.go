package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/copyqueue"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/wiring"
)

// A mixture is some sites, the hosts of each, and when they have alerts.
type mixture struct {
	hosts  [][]sickness // by site
	alerts []alarm
	after  int64 // bytes until what dies or hangs up does so
}

type alarm struct {
	site int
	at   time.Duration
}

// mix makes a mixture: the first site is healthy, others are not.
func mix(seed uint64) mixture {
	r := rand.New(rand.NewPCG(seed, 11))
	m := mixture{hosts: [][]sickness{{healthy, healthy}}, after: r.Int64N(200_000)}
	for range 2 + r.IntN(4) {
		site := []sickness{sicknesses[r.IntN(len(sicknesses))]}
		if r.IntN(2) == 0 {
			site = append(site, healthy)
		}
		if r.IntN(3) == 0 {
			site = append(site, sicknesses[r.IntN(len(sicknesses))])
		}
		m.hosts = append(m.hosts, site)
	}
	for site := range m.hosts {
		for range 1 + r.IntN(2) {
			m.alerts = append(m.alerts, alarm{site, time.Duration(r.IntN(120)) * time.Second})
		}
	}
	return m
}

// well is the mixture with only the healthy hosts in it.
func (m mixture) well() mixture {
	w := mixture{hosts: make([][]sickness, len(m.hosts)), alerts: m.alerts}
	for i, site := range m.hosts {
		for _, s := range site {
			if s != healthy {
				s = absent
			}
			w.hosts[i] = append(w.hosts[i], s)
		}
	}
	return w
}

// A result is what came of the healthy hosts: their rows, and when each was held and
// each incident sealed, after the first alert.
type result struct {
	rows   map[string]evidence.Host
	sealed map[string]time.Duration
	bytes  map[string]int64 // of every host, on disk
	most   map[string]int   // handles of every host
}

const (
	perHost  = 4 << 20
	patience = 2 * time.Minute
)

// Whatever is wrong with some hosts, each healthy host's row of each incident is what it
// would be without them, within twice the time, and none takes more than its budget of
// the disk and of handles. All of it happens in memory and in virtual time.
func TestMixtures(t *testing.T) {
	n := testrace.Smaller(12, 12)
	if os.Getenv("GRAB_LONG") == "1" {
		n = 500
	}
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := mix(uint64(seed))
			alone, mixed := play(t, m.well()), play(t, m)
			for _, a := range m.alerts {
				if site := fmt.Sprintf("site%d", a.site); mixed.sealed[site] == 0 {
					t.Errorf("no incident of %s %v was sealed", site, m.hosts[a.site])
				}
			}
			for key, want := range alone.rows {
				if want.Coverage != evidence.Complete {
					t.Errorf("%s is %s alone", key, want.Coverage)
				}
				got, ok := mixed.rows[key]
				if !ok {
					t.Errorf("%s has no row beside %v", key, m.hosts)
					continue
				}
				if a, b := plain(want), plain(got); a != b {
					t.Errorf("%s beside %v:\n%s\nalone:\n%s", key, m.hosts, b, a)
				}
			}
			for host, n := range mixed.bytes {
				if n > perHost+64<<10 {
					t.Errorf("%s has %d bytes on disk, %d may be", host, n, perHost)
				}
			}
			for host, n := range mixed.most {
				if n > 2*(segments+4) {
					t.Errorf("%d handles of %s were open at a time", n, host)
				}
			}
			for site, took := range mixed.sealed {
				limit := 2*alone.sealed[site] + 10*time.Second
				if slices.ContainsFunc(m.hosts[siteIndex(site)], func(s sickness) bool { return s != healthy }) {
					limit = m.lastAlert(site) + time.Minute + patience + 90*time.Second // its sick host is given up
				}
				if took > limit {
					t.Errorf("%s %v was sealed after %v, alone after %v", site, m.hosts[siteIndex(site)], took, alone.sealed[site])
				}
			}
		})
	}
}

// lastAlert is when a site has its last alert.
func (m mixture) lastAlert(site string) (last time.Duration) {
	for _, a := range m.alerts {
		if a.site == siteIndex(site) {
			last = max(last, a.at)
		}
	}
	return last
}

func siteIndex(key string) (i int) {
	fmt.Sscanf(key, "site%d", &i)
	return i
}

// plain is what of a row is the same in each course of things.
func plain(h evidence.Host) string {
	var files []evidence.File
	for _, f := range h.Files {
		files = append(files, evidence.File{Family: f.Family, Coverage: f.Coverage, Missing: f.Missing, Bytes: f.Bytes, Records: f.Records, SHA256: f.SHA256})
	}
	b, err := json.MarshalIndent(struct {
		Coverage evidence.Coverage
		Error    string
		Files    []evidence.File
	}{h.Coverage, h.Error, files}, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// play lets a mixture happen.
func play(t *testing.T, m mixture) (o result) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o = result{rows: map[string]evidence.Host{}, sealed: map[string]time.Duration{}, bytes: map[string]int64{}, most: map[string]int{}}
		peers := map[string]*memPeer{}
		var sites []incident.Site
		for i, hosts := range m.hosts {
			s := incident.Site{Name: fmt.Sprintf("site%d", i), Clusters: []string{fmt.Sprintf("c%d", i)}, TimeZone: "UTC", Families: []string{"network_log"}}
			for j, sick := range hosts {
				if sick == absent {
					continue
				}
				name := fmt.Sprintf("h%d-%d%s", i, j, sick)
				p := newMemPeer(name, sick, m.after)
				peers[name] = p
				s.Hosts = append(s.Hosts, incident.HostRef{Name: name, Role: "C", Address: name + ":22"})
			}
			if len(s.Hosts) > 0 {
				sites = append(sites, s)
			}
		}
		var mu sync.Mutex
		began := time.Now()
		journal, stop := watch(t, dir, sites, peers, func(job runner.SealJob) {
			mu.Lock()
			defer mu.Unlock()
			o.take(job, peers, time.Since(began))
		})
		for _, a := range m.alerts {
			time.AfterFunc(a.at, func() { alert(t, journal, a) })
		}
		time.Sleep(30 * time.Minute)
		stop()
		for name, p := range peers {
			p.close()
			o.most[name] = p.most
		}
	})
	return o
}

// watch runs incidents of sites whose hosts are in memory until stop is called. sealed is
// told of each bundle.
func watch(t *testing.T, dir string, sites []incident.Site, peers map[string]*memPeer, sealed func(runner.SealJob)) (journal *triage.Journal, stop func()) {
	policy := incident.Policy{Before: 10 * time.Minute, After: time.Minute, Max: time.Hour, Settle: 2 * time.Second, Patience: patience,
		Cooldown: 10 * time.Minute, Again: time.Hour, MaxAge: 24 * time.Hour}
	store, log := incidenttest.FastStore(t, dir), slog.New(slog.DiscardHandler)
	journal, err := triage.OpenJournal(store, sites, policy, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	find := func(_, host string) (wiring.Source, bool) { return sourceOf(peers[host]), true }
	r := &runner.Runner{Store: store, Policy: func() incident.Policy { return policy }, Sites: func() []incident.Site { return sites }, Log: log,
		Logs: runner.Logs{NewPuller: wiring.Pullers(&hostconn.Pool{}, &copyqueue.Queue{}, nil, find, nil)},
		Seal: func(ctx context.Context, job runner.SealJob) (runner.SealedBundle, error) {
			sealed(job)
			path := job.Base + ".zip"
			return runner.SealedBundle{Path: path}, os.WriteFile(path, nil, 0o600)
		},
		VerifyBundle: func(context.Context, string, string, int) (m evidence.Manifest, err error) { return m, nil },
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, journal) }()
	return journal, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		journal.Close()
	}
}

func alert(t *testing.T, j *triage.Journal, a alarm) {
	now := time.Now()
	n := 2
	e := evidence.Alert{ID: incidenttest.AlertID(fmt.Sprint(a)), Name: "PartiallyRegisteredPhone", Cluster: fmt.Sprintf("c%d", a.site), Node: "cucm01", Count: &n, Time: now, Received: &now}
	if _, err := j.Add(context.Background(), e, nil, false, now); err != nil {
		t.Error(err)
	}
	if _, err := j.Decide(now); err != nil {
		t.Error(err)
	}
}

// take notes what an incident came to.
func (o *result) take(job runner.SealJob, peers map[string]*memPeer, at time.Duration) {
	site := job.Manifest.Site
	o.sealed[site] = max(o.sealed[site], at)
	for _, h := range job.Manifest.Hosts {
		if peers[h.Host].is(healthy) {
			key := site + " " + h.Host + " " + job.Manifest.Asked.Until.Format(time.TimeOnly)
			o.rows[key] = h
		}
		for _, f := range h.Files {
			if f.Path == "" {
				continue
			}
			if r, err := job.Open(h.Host, f.Family); err == nil {
				n, _ := io.Copy(io.Discard, r)
				r.Close()
				o.bytes[h.Host] = max(o.bytes[h.Host], n)
			}
		}
	}
}

// sourceOf is the way to a peer in memory.
func sourceOf(p *memPeer) wiring.Source {
	return wiring.Source{
		Host: hostconn.Host{Name: p.name, Role: "C", Address: p.name + ":22", Dir: "/log", Families: []string{"network_log"}},
		Dial: sshdial.Config{Name: p.name, Address: p.name + ":22", User: "root", HostKey: ssh.FingerprintSHA256(p.key.PublicKey()), Conn: p.dial,
			Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }}},
		Limit: perHost,
	}
}
