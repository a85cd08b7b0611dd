package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/cucmlab"
)

// TestNowNamesPhones: a grab by hand asks CUCM too, and its bundle says which phones are
// partial, in manifest and files; a CUCM that hangs costs the names and nothing else.
func TestNowNamesPhones(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	defer close(gate)
	for _, hangs := range []bool{false, true} {
		record := cucmlab.Record{Device: "SEP001122334455", Node: "cucm01", Status: "PartiallyRegistered", Since: time.Now().Add(-time.Minute), IP: "10.0.30.2",
			Lines: []cucmlab.LineState{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}
		cluster, err := cucmlab.New(t.Context(), cucmlab.Config{Records: []cucmlab.Record{record}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cluster.Close() })
		if hangs {
			cluster.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Gate: gate}} })
		}
		c := newLab(t, two()...)
		account := cluster.Account(cucmlab.RoleRealtime)
		c.File("cucm.secret", account.Password)
		c.File("cucm-ca.pem", string(cluster.CAPEM()))
		c.Extra = fmt.Sprintf("cucm: [{cluster: Main, publisher: %q, user: %s, password: {file: cucm.secret}, ca_file: cucm-ca.pem, proxy: none}]\n", cluster.Nodes()[0].Addr(), account.User)
		c.Write()
		c.Replace("  - name: hq\n", "  - name: hq\n    cucm: [Main]\n")
		if r := c.grab("now", "--before", "20s", "--no-traces"); r.code != 0 {
			t.Fatal(r)
		}
		found, err := filepath.Glob(filepath.Join(c.Dir, "store", "bundles", "*.zip"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		m, err := bundle.ReadManifest(found[0])
		if err != nil {
			t.Fatal(err)
		}
		if hangs {
			if m.Coverage != evidence.Complete || len(m.CUCM) != 1 || m.CUCM[0].Names.State != evidence.NamesNone || !strings.Contains(m.CUCM[0].Names.Why, "has not answered yet") {
				t.Errorf("with a CUCM that hangs: %s, %+v", m.Coverage, m.CUCM)
			}
			continue
		}
		if len(m.CUCM) != 1 || m.CUCM[0].Names == nil || m.CUCM[0].Names.State != evidence.NamesCertain || m.CUCM[0].Names.Phones != 1 {
			t.Fatalf("%+v", m.CUCM)
		}
		out := filepath.Join(t.TempDir(), "out")
		if _, err := bundle.Extract(t.Context(), found[0], out, func(name string) bool { return strings.HasPrefix(name, "cucm/") }); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(out, "cucm", "partial-phones.json"))
		var doc evidence.PartialPhones
		if err := json.Unmarshal(text, &doc); err != nil || evidence.LineWords(doc.Clusters[0].Phones[0].Lines) != "7042 up, 7043 down" || !doc.Clusters[0].Phones[0].Certain {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
