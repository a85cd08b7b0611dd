package gather

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/lab/cucmlab"
)

// bench is a laboratory's cluster, a store with an incident, and what gathers for it.
type bench struct {
	t     *testing.T
	lab   *cucmlab.Cluster
	store *incident.Store
	in    incident.Incident
	entry Entry
	logs  map[string]string // by host
}

func newBench(t *testing.T, cfg cucmlab.Config) *bench {
	t.Helper()
	if len(cfg.Nodes) == 0 {
		cfg.Nodes = []string{"cucm01.example.com", "cucm02.example.com"}
	}
	lab, err := cucmlab.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	store, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	b := &bench{t: t, lab: lab, store: store, logs: map[string]string{}, in: incident.Incident{Key: "k", ID: "20261128T213000Z-hq-000001", Site: "hq", Kind: incident.KindAlert,
		State: incident.Running, Asked: evidence.NewWindow(now.Add(-20*time.Minute), now), Hosts: []incident.HostRef{{Name: "expc01", Role: "C"}}, Families: []string{"network_log"}, Created: now, Revision: 1}}
	if err := os.MkdirAll(store.IncidentDir("k"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := store.Save(b.in); err != nil {
		t.Fatal(err)
	}
	b.entry = b.client("Main")
	b.entry.Traces = false
	return b
}

// client is an entry with a client of the laboratory, as a cluster of that name.
func (b *bench) client(cluster string, change ...func(*cucm.Config)) Entry {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b.lab.CAPEM())
	account := b.lab.Account(cucmlab.RoleRealtime)
	c := cucm.Config{Cluster: cluster, Publisher: b.lab.Nodes()[0].Addr(), User: account.User, Password: func() (string, error) { return account.Password, nil },
		Roots: roots, Proxy: func() (string, error) { return "none", nil }}
	for _, n := range b.lab.Nodes() {
		c.Nodes = append(c.Nodes, cucm.Node{Name: n.Name(), Address: n.Addr(), Aliases: []string{n.FQDN}})
	}
	for _, do := range change {
		do(&c)
	}
	return Entry{Cluster: cucm.New(c), Names: true, Traces: true, Max: 1 << 30}
}

// gatherer is one that a process would have.
func (b *bench) gatherer() *Gatherer {
	g := &Gatherer{Store: b.store, Site: func(string) Site {
		return Site{Entries: []Entry{b.entry}, C: map[netip.Addr]string{netip.MustParseAddr("10.0.30.2"): "expc01"}}
	}}
	b.t.Cleanup(g.Close)
	return g
}

// complete are the incident's logs.
func (b *bench) complete() Logs {
	m := evidence.Manifest{Alerts: []evidence.Alert{{Node: "cucm01"}}}
	for host, text := range b.logs {
		m.Hosts = append(m.Hosts, evidence.Host{Host: host, Role: "C", Files: []evidence.File{{Family: "network_log", Path: "hosts/" + host + "/network_log.txt", Bytes: int64(len(text))}}})
	}
	return Logs{Manifest: m, Open: func(host, _ string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(b.logs[host])), nil }}
}

// names are what came of the incident.
func (b *bench) names() (evidence.ClusterPhones, *evidence.CUCMNames) {
	b.t.Helper()
	state, err := material.Of(b.store, "k").Read()
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(b.store.IncidentDir("k"), "cucm", "partial-phones.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	var doc evidence.PartialPhones
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Clusters) != 1 || len(state.CUCM) != 1 {
		b.t.Fatalf("%v: %s; %+v", err, text, state.CUCM)
	}
	return doc.Clusters[0], state.CUCM[0].Names
}

func register(device string) string {
	return fmt.Sprintf("SIPMSG:\nREGISTER sip:cucm01.example.com SIP/2.0\nContact: <sip:x@10.0.0.1>;+u.sip!devicename.ccm.cisco.com=\"%s\";video\n", device)
}

func partial(name, node string, since time.Time) cucmlab.Record {
	return cucmlab.Record{Device: name, Node: node, Status: cucm.StatusPartial, Since: since, IP: "10.0.30.2", Description: "Reception, home",
		Lines: []cucmlab.LineState{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}
}

// TestNames: two rounds make certain what is so: a stale record on another node never
// makes a phone partial, and what logs and CUCM have of each other's phones is said.
func TestNames(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	stale := partial("SEP00AABBCCDDEE", "cucm01", now.Add(-time.Hour))
	fresh := stale
	fresh.Node, fresh.Status, fresh.Since, fresh.Lines = "cucm02", cucm.StatusRegistered, now, []cucmlab.LineState{{Number: "7050", Status: "Registered"}}
	own := partial("SEP0000000000AA", "cucm01", now)
	own.IP = "192.168.1.20"
	b := newBench(t, cucmlab.Config{Records: []cucmlab.Record{partial("SEP001122334455", "cucm01", now), stale, fresh, own}})
	b.logs["expc01"] = register("SEP001122334455") + strings.Repeat("x\n", scanBlock) + register("SEP00FFFFFFFFFF")
	g := b.gatherer()
	g.Begin(b.in)
	g.Await(t.Context(), b.in, b.complete())
	doc, row := b.names()
	if doc.State != evidence.NamesCertain || row.State != doc.State || doc.Why != "" || row.Phones != 2 || row.First == nil || row.Second == nil {
		t.Errorf("%+v, %+v", doc, row)
	}
	byName := map[string]evidence.CUCMPhone{}
	for _, p := range doc.Phones {
		byName[p.Device] = p
	}
	if p := byName["SEP001122334455"]; p.Status != cucm.StatusPartial || !p.Certain || p.MRA != "address" || p.Via != "expc01" || evidence.LineWords(p.Lines) != "7042 up, 7043 down" {
		t.Errorf("%+v", p)
	}
	if p := byName["SEP00AABBCCDDEE"]; p.Status != cucm.StatusRegistered || p.Node != "cucm02" || !p.Certain {
		t.Errorf("%+v", p)
	}
	if p := byName["SEP0000000000AA"]; p.MRA != "" || p.Via != "" {
		t.Errorf("%+v", p)
	}
	if !slices.Equal(doc.LogsOnly, []string{"SEP00FFFFFFFFFF"}) || !slices.Equal(doc.CUCMOnly, []string{"SEP0000000000AA"}) {
		t.Errorf("logs only %v, CUCM only %v", doc.LogsOnly, doc.CUCMOnly)
	}
	if n := asked(b.lab, cucmlab.RISPort); n != 2 {
		t.Errorf("RISPort was asked %d times", n)
	}
	text, err := os.ReadFile(filepath.Join(b.store.IncidentDir("k"), "cucm", "partial-phones.csv"))
	if err != nil || !strings.Contains(string(text), `Main,SEP001122334455,PartiallyRegistered,true,7042 Registered; 7043 UnRegistered,"Reception, home"`) {
		t.Errorf("%s, %v", text, err)
	}

	g.Close()
	again := b.gatherer() // after a restart nothing is asked again
	again.Await(t.Context(), b.in, b.complete())
	if n := asked(b.lab, cucmlab.RISPort); n != 2 {
		t.Errorf("after a restart RISPort was asked, %d times in all", n)
	}
}

func asked(lab *cucmlab.Cluster, s cucmlab.Service) (n int) {
	for _, r := range lab.Requests() {
		if r.Service == s {
			n++
		}
	}
	return n
}

// TestNamesUncertain: what may hide a newer record keeps names from being certain, and why
// is said.
func TestNamesUncertain(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	for name, c := range map[string]struct {
		first, second func(*cucmlab.Faults)
		state, why    string
		phones        int
	}{
		"a silent node":  {second: func(f *cucmlab.Faults) { f.RIS.Unanswered = []string{"cucm02.example.com"} }, state: evidence.NamesLikely, why: "cucm02 did not answer (NodeNotResponding)", phones: 1},
		"second role":    {second: func(f *cucmlab.Faults) { f.NoRole = []cucmlab.Service{cucmlab.RISPort} }, state: evidence.NamesLikely, why: "lacks a role", phones: 1},
		"never":          {first: func(f *cucmlab.Faults) { f.Off = []cucmlab.Service{cucmlab.RISPort} }, state: evidence.NamesNone, why: "not activated"},
		"first late":     {first: func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Cut: 10, Times: 2}} }, state: evidence.NamesCertain, phones: 1},
		"many held back": {second: func(f *cucmlab.Faults) { f.RIS.Most = 0; f.RIS.Quiet = true }, state: evidence.NamesCertain, phones: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, cucmlab.Config{Records: []cucmlab.Record{partial("SEP001122334455", "cucm01", now)}})
			if c.first != nil {
				b.lab.SetFaults(c.first)
			}
			g := b.gatherer()
			g.Begin(b.in)
			g.First(t.Context(), "k")
			if c.second != nil {
				b.lab.SetFaults(c.second)
			}
			g.Await(t.Context(), b.in, b.complete())
			doc, row := b.names()
			if doc.State != c.state || !strings.Contains(doc.Why, c.why) || len(doc.Phones) != c.phones || row.State != c.state || row.Why != doc.Why {
				t.Errorf("%+v, %+v", doc, row)
			}
			for _, p := range doc.Phones {
				if p.Certain != (c.state == evidence.NamesCertain) {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

// waitFor waits for a condition.
func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for range 3000 {
		if what() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it never came")
}

// TestHanging: a cluster that hangs delays nobody: Begin returns, Await returns with its
// context at the latest, and Close ends all.
func TestHanging(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	b := newBench(t, cucmlab.Config{Faults: cucmlab.Faults{Line: []cucmlab.Line{{Gate: gate}}}})
	g := b.gatherer()
	g.Begin(b.in)
	waitFor(t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.jobs["k"] != nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.Await(ctx, b.in, b.complete())
	g.Close()
	doc, row := b.names()
	if doc.State != evidence.NamesNone || row.Why != "CUCM has not answered yet" || len(doc.Phones) != 0 {
		t.Errorf("%+v, %+v", doc, row)
	}
}

// TestScan: names are found across blocks; an address is not found in a longer one.
func TestScan(t *testing.T) {
	for _, pad := range []int{0, 1, scanBlock - 60, scanBlock - 40, scanBlock - 20, scanBlock, scanBlock + scanLap} {
		text := strings.Repeat(".", pad) + register("SEP001122334455") + " 10.0.20.1 10.0.20.23 acucm03 "
		logs := Logs{Manifest: evidence.Manifest{Hosts: []evidence.Host{{Host: "expc01", Role: "C", Files: []evidence.File{{Family: "network_log", Path: "x", Bytes: 1}}}}},
			Open: func(string, string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
		s := scan(t.Context(), logs, map[string][]cucm.Node{"Main": {{Name: "cucm01", Address: "10.0.20.1:8443"}, {Name: "cucm02", Address: "10.0.20.2:8443"}, {Name: "cucm03", Address: "[2001:db8::3]:8443"}}})
		if s.Devices["SEP001122334455"] != "expc01" || len(s.Devices) != 1 || !slices.Equal(s.Nodes["Main"], []string{"cucm01"}) || s.Cut {
			t.Errorf("pad %d: %+v", pad, s)
		}
	}
}
