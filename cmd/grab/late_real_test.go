package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/cucm/gather"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/wiring"
)

// TestRealLate is one alert mail from the mailbox to its last revision, with the program killed
// wherever something is under way: the first revision has the names, the traces of CUCM come
// later, and are in exactly one further one, each record once, beside the same logs.
func TestRealLate(t *testing.T) {
	t.Parallel()
	zone := wiring.ZoneNamed("America/New_York")
	s := newRealSite(t, func(s *realSite, _ *[]testserver.SSHDOptions) { s.sdl = &mra.SDLConfig{Zone: zone} })
	record := cucmlab.Record{Device: "SEP001122334455", Node: "cucm01", Status: "PartiallyRegistered", Since: time.Now().Add(-time.Minute), IP: "10.0.30.2",
		Lines: []cucmlab.LineState{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}
	cluster, err := cucmlab.New(t.Context(), cucmlab.Config{Site: s.phones, Zone: zone, Records: []cucmlab.Record{record}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Close() })
	gate := make(chan struct{})
	cluster.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Service: cucmlab.GetFile, BodyGate: gate}} })
	s.more = lateCluster(s, cluster) + "late: {quiet: 2s}\n"
	s.window = "{before: 10s, after: 1s}"
	s.write()

	stop := s.watch()
	at := time.Now()
	s.alert(rtmt.MailOptions{Time: at, Zone: zone})
	first := s.sealed(1)[0]
	names := s.checkSlices(first.Bundle, evidence.NewWindow(at.Truncate(time.Second).Add(-10*time.Second), at.Truncate(time.Second).Add(time.Second)))
	if len(names.CUCM) != 1 || names.CUCM[0].Names == nil || names.CUCM[0].Names.State != evidence.NamesCertain || names.CUCM[0].Names.Phones == 0 || len(names.CUCM[0].Nodes) > 0 {
		t.Fatalf("the first revision has %+v", names.CUCM)
	}

	st := &incident.Store{Dir: filepath.Join(s.dir, s.store)}
	found, err := filepath.Glob(st.IncidentDir("*"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	key := filepath.Base(found[0])
	again := func(what string, is func() bool) { // killed then, and started anew
		t.Helper()
		testsite.Until(t, what, is)
		stop(os.Kill)
		stop = s.watch()
	}
	begun := func() bool {
		found, _ := filepath.Glob(filepath.Join(st.IncidentDir(key), "coming", "*.part"))
		return len(found) > 0
	}
	again("traces are fetched", begun)
	close(gate)
	again("traces have come", func() bool {
		state, err := material.Of(st, key).Read()
		_, there := state.Find("cucm/cucm01/sdl.txt")
		return err == nil && there
	})
	again("a further revision is made", func() bool {
		in, err := st.Read(key)
		return err == nil && in.Revision == 2
	})
	testsite.Until(t, "the further revision is sealed", func() bool {
		in, err := st.Read(key)
		return err == nil && in.State == incident.Sealed && in.Revision >= 2
	})
	stop(os.Interrupt)
	s.checkLate(st, key, first.Bundle)
}

// lateCluster is the configuration's entry of a cluster, whose traces are fetched soon.
func lateCluster(s *realSite, cluster *cucmlab.Cluster) string {
	account := cluster.Account(cucmlab.RoleRealtime)
	s.file("cucm.secret", []byte(account.Password))
	s.file("cucm.pem", cluster.CAPEM())
	text := fmt.Sprintf("cucm:\n  - cluster: StandAloneCluster\n    publisher: %q\n    user: %s\n    password: {file: cucm.secret}\n    ca_file: cucm.pem\n    proxy: none\n    settle: 1s\n    nodes:\n",
		cluster.Nodes()[0].Addr(), account.User)
	for _, n := range cluster.Nodes() {
		name, _, _ := strings.Cut(n.FQDN, ".")
		text += fmt.Sprintf("      - {name: %s, address: %q, aliases: [%s]}\n", name, n.Addr(), n.FQDN)
	}
	return text
}

// checkLate compares the two revisions of a killed incident, and looks for what was left over.
func (s *realSite) checkLate(st *incident.Store, key, first string) {
	t := s.t
	t.Helper()
	in, err := st.Read(key)
	if err != nil || in.Revision != 2 || len(in.Revisions) != 2 || in.Revisions[0].Late || !in.Revisions[1].Late {
		t.Fatalf("revisions %+v, %v", in.Revisions, err)
	}
	bundles, _ := filepath.Glob(filepath.Join(st.Dir, "bundles", "*"))
	if len(bundles) != 2 {
		t.Errorf("%q", bundles)
	}
	last := bundles[len(bundles)-1]
	for _, b := range bundles {
		if b != first {
			last = b
		}
	}
	res, err := bundle.Verify(t.Context(), last)
	if err != nil || !res.OK {
		t.Fatal(err, res.Bad)
	}
	for _, h := range res.Manifest.Hosts {
		for _, f := range h.Files {
			if f.Path != "" && !bytes.Equal(readEntry(t, first, f.Path), readEntry(t, last, f.Path)) {
				t.Errorf("%s differs from that of the first revision", f.Path)
			}
		}
	}
	readEntry(t, last, gather.NamesJSON)
	traces := 0
	for _, n := range res.Manifest.CUCM[0].Nodes {
		for _, f := range n.Files {
			if f.Family == cucm.LogSDL && f.Records > 0 {
				traces++
				checkOnce(t, readEntry(t, last, f.Path), f.Records)
			}
		}
	}
	if traces == 0 {
		t.Errorf("no traces: %+v", res.Manifest.CUCM)
	}
	filepath.WalkDir(st.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".part") {
			t.Errorf("%s was left over", path)
		}
		return nil
	})
}

// checkOnce: each record of a trace is there once, and all that the manifest counts.
func checkOnce(t *testing.T, text []byte, records int64) {
	t.Helper()
	seen := map[string]bool{}
	for _, head := range regexp.MustCompile(`(?m)^[0-9]{8}\.[0-9]{3} `).FindAllString(string(text), -1) {
		if seen[head] {
			t.Errorf("record %s is there twice", head)
		}
		seen[head] = true
	}
	if len(seen) == 0 || int64(len(seen)) != records {
		t.Errorf("%d records, the manifest has %d", len(seen), records)
	}
}
