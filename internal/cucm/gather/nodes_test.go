package gather

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/lab/cucmlab"
)

// gathered has all of a site's clusters asked, and is what came of it.
func (b *bench) gathered(entries ...Entry) material.State {
	b.t.Helper()
	g := b.gatherer()
	g.Site = func(string) Site { return Site{Entries: entries} }
	logs := b.complete()
	logs.Manifest.Asked = b.in.Asked
	g.Begin(b.in)
	g.Await(b.t.Context(), b.in, logs)
	waitFor(b.t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.jobs) == 0 })
	state, err := material.Of(b.store, "k").Read()
	if err != nil {
		b.t.Fatal(err)
	}
	return state
}

// syslogs is a bench whose nodes of these names have an application log with a line that says
// which cluster's it is.
func syslogs(t *testing.T, cluster string, nodes ...string) (*bench, string) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	at := now.Add(-5 * time.Minute)
	line := at.Format("Jan _2 15:04:05") + " cucm01 local7 6 : 1: cucm01.example.com: " + at.Format("Jan 02 2006 15:04:05") + ".000 UTC :  %UC_CALLMANAGER-6-X: of " + cluster + "\n"
	of := cucmlab.Fixed{}
	for _, n := range nodes {
		f := cucmlab.FileOf(cucmlab.EventApplication, "/var/log/active/syslog/CiscoSyslog", now, []byte(line))
		f.System = true
		of[n] = []cucmlab.File{f}
	}
	b := newBench(t, cucmlab.Config{Nodes: nodes, Zone: time.UTC, Sources: []cucmlab.Source{of}})
	b.entry.Names, b.entry.Traces = false, true
	return b, line
}

// TestNodesOfTwoClusters: nodes of two clusters that have one name are kept apart, whichever comes
// first: neither's logs take the other's place.
func TestNodesOfTwoClusters(t *testing.T) {
	a, first := syslogs(t, "Main", "cucm01.hq.example.com")
	b, second := syslogs(t, "Branch", "cucm01.branch.example.com")
	other := b.client("Branch 2")
	state := a.gathered(a.entry, other)
	texts := map[string]string{}
	for _, c := range state.CUCM {
		for _, n := range c.Nodes {
			for _, f := range n.Files {
				if f.Family != cucm.LogApplication {
					continue
				}
				if want := "cucm/" + n.Node + "/application.txt"; f.Path != want {
					t.Errorf("%s of %s lies in %s", n.Node, c.Cluster, f.Path)
				}
				text, err := os.ReadFile(filepath.Join(a.store.IncidentDir("k"), filepath.FromSlash(f.Path)))
				if err != nil {
					t.Error(err)
				}
				texts[c.Cluster] = string(text)
			}
		}
	}
	if texts["Main"] != first || texts["Branch 2"] != second {
		t.Errorf("%q", texts)
	}
}

// TestNodesNotListedAtOnce: a publisher that does not say at once which nodes there are is asked
// again, as a node is that does not answer.
func TestNodesNotListedAtOnce(t *testing.T) {
	defer func(was []time.Duration) { looks = was }(looks)
	looks = []time.Duration{0, 0, 0}
	b, line := syslogs(t, "Main", "cucm01.example.com")
	b.entry = b.client("Main", func(c *cucm.Config) { c.Nodes = nil })
	b.lab.SetFaults(func(f *cucmlab.Faults) {
		f.Line = []cucmlab.Line{{Service: cucmlab.LogCollection, Status: 503, Times: 2}}
	})
	state := b.gathered(b.entry)
	if len(state.CUCM) != 1 || len(state.CUCM[0].Nodes) != 1 {
		t.Fatalf("%+v", state.CUCM)
	}
	if !slices.ContainsFunc(state.CUCM[0].Nodes[0].Files, func(f evidence.File) bool { return f.Family == cucm.LogApplication && f.Bytes == int64(len(line)) }) {
		t.Errorf("%+v", state.CUCM)
	}
}

// TestNodesNeverListed: a publisher that never says which nodes there are is a row that says why.
func TestNodesNeverListed(t *testing.T) {
	defer func(was []time.Duration) { looks = was }(looks)
	looks = []time.Duration{0, 0, 0}
	b, _ := syslogs(t, "Main", "cucm01.example.com")
	b.entry = b.client("Main", func(c *cucm.Config) { c.Nodes = nil })
	b.lab.SetFaults(func(f *cucmlab.Faults) {
		f.Line = []cucmlab.Line{{Service: cucmlab.LogCollection, Status: 503}}
	})
	state := b.gathered(b.entry)
	if len(state.CUCM) != 1 || len(state.CUCM[0].Nodes) != 1 || state.CUCM[0].Nodes[0].Coverage != evidence.Lost || !strings.Contains(state.CUCM[0].Nodes[0].Error, "overloaded") {
		t.Errorf("%+v", state.CUCM)
	}
}

// TestNodesWithOddNames: a name that is none for a folder leads nowhere else.
func TestNodesWithOddNames(t *testing.T) {
	b, _ := syslogs(t, "Main", "cucm01.example.com")
	b.entry = b.client("Main", func(c *cucm.Config) { c.Nodes[0].Name = "../prt" })
	state := b.gathered(b.entry)
	if slices.ContainsFunc(state.Files, func(f material.File) bool { return !isNames(f.Name) }) || len(state.CUCM) != 1 || state.CUCM[0].Nodes[0].Coverage != evidence.Lost {
		t.Errorf("%+v", state)
	}
}

func isNames(name string) bool { return name == NamesJSON || name == NamesCSV }
