package gather

import (
	"bytes"
	"crypto/x509"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/mra"
)

// TestTracesLive: files are closed, renamed and begun while they are fetched, connections
// break once or twice, and releases have their manners: in the end the window is whole, byte
// for byte, and said to be.
func TestTracesLive(t *testing.T) {
	was := looks
	t.Cleanup(func() { looks = was })
	looks = []time.Duration{0, 300 * time.Millisecond, 500 * time.Millisecond, time.Second, 3 * time.Second, 4 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second}
	runs := 2
	if os.Getenv("GRAB_LONG") != "" {
		runs = 30
	}
	for i := range runs {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(77, uint64(i)))
			zone, err := time.LoadLocation([]string{"America/New_York", "Asia/Kolkata", "UTC"}[rng.IntN(3)])
			if err != nil {
				t.Fatal(err)
			}
			cfg := &mra.SDLConfig{Zone: zone, FileSize: 5_000 + rng.IntN(9_000), Every: time.Duration(40+rng.IntN(60)) * time.Millisecond, NoHead: rng.IntN(2) == 0, Disorder: time.Duration(rng.IntN(3)) * 20 * time.Millisecond}
			site := newSite(t, mra.SiteConfig{CUCM: []string{nodeName}, Phones: 2, Expires: 4 * time.Second, Seed: rng.Uint64(), SDL: cfg})
			site.Backfill(time.Now().Add(-40 * time.Second))
			site.Start(t.Context())
			b := newBench(t, cucmlab.Config{Site: site, Nodes: []string{nodeName}, Zone: zone})
			now := time.Now().UTC()
			b.in.Asked = evidence.NewWindow(now.Add(-20*time.Second), now)
			b.entry.Names, b.entry.Traces, b.entry.Max = false, true, 1<<30
			b.entry.Cluster = inZone(b.lab, zone)
			faults, name := cucmlab.Draw(rng)
			b.lab.SetFaults(func(f *cucmlab.Faults) { *f = faults })
			g := b.gatherer()
			logs := b.complete()
			logs.Manifest.Asked = b.in.Asked
			g.Begin(b.in)
			g.Await(t.Context(), b.in, logs)
			for deadline := time.Now().Add(5 * time.Minute); g.busy() && time.Now().Before(deadline); {
				time.Sleep(20 * time.Millisecond)
			}
			state, err := material.Of(b.store, "k").Read()
			if err != nil || len(state.CUCM) != 1 || len(state.CUCM[0].Nodes) != 1 {
				t.Fatalf("%+v, %v", state, err)
			}
			row := state.CUCM[0].Nodes[0]
			for _, f := range row.Files {
				if f.Family != cucm.LogSDL {
					continue
				}
				text, err := os.ReadFile(filepath.Join(b.store.IncidentDir("k"), filepath.FromSlash(f.Path)))
				if err != nil {
					t.Fatal(err)
				}
				var want bytes.Buffer
				lacking := 0
				for _, r := range site.TraceRecords(nodeName) {
					if r.Kind == mra.SDL && b.in.Asked.Contains(r.Stamp) {
						want.WriteString(r.Text)
						if !bytes.Contains(text, []byte(r.Text)) {
							lacking++
						}
					}
				}
				files := 0
				for _, x := range site.TraceFiles(nodeName) {
					if x.Kind == mra.SDL {
						files++
					}
				}
				t.Logf("%s: %s, %d of %d bytes, %d records lack, missing %v, %d files; %s", name, f.Coverage, len(text), want.Len(), lacking, f.Missing, files, row.Error)
				if lacking > 0 || f.Coverage != evidence.Complete {
					t.Errorf("%s: %s, %d records lack, missing %v", name, f.Coverage, lacking, f.Missing)
				}
			}
		})
	}
}

// inZone is a client of a laboratory's cluster whose zone is configured.
func inZone(lab *cucmlab.Cluster, zone *time.Location) *cucm.Cluster {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(lab.CAPEM())
	account := lab.Account(cucmlab.RoleRealtime)
	c := cucm.Config{Cluster: "Main", Publisher: lab.Nodes()[0].Addr(), User: account.User, Password: func() (string, error) { return account.Password, nil },
		Roots: roots, Proxy: func() (string, error) { return "none", nil }, Zone: zone}
	for _, n := range lab.Nodes() {
		c.Nodes = append(c.Nodes, cucm.Node{Name: n.Name(), Address: n.Addr(), Aliases: []string{n.FQDN}})
	}
	return cucm.New(c)
}

// busy reports whether it works at an incident.
func (g *Gatherer) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.jobs) > 0
}
