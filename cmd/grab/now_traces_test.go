package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/wiring"
)

// TestNowTakesTraces: a grab by hand seals, waits for CUCM's traces and seals again with them, beside
// the same logs; one that is left while it waits has its bundle as it was, and the next grab watch
// does the rest.
func TestNowTakesTraces(t *testing.T) {
	t.Parallel()
	zone := wiring.ZoneNamed("America/New_York")
	s := newRealSite(t, func(s *realSite, _ *[]testserver.SSHDOptions) { s.sdl = &mra.SDLConfig{Zone: zone} })
	cluster, err := cucmlab.New(t.Context(), cucmlab.Config{Site: s.phones, Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Close() })
	s.more = lateCluster(s, cluster) + "late: {quiet: 2s}\n"
	s.write()
	st := &incident.Store{Dir: filepath.Join(s.dir, s.store)}

	now := func() []string { // what CUCM writes of that time is written
		return []string{"now", "--before", "10s", "--at", time.Now().Add(-10 * time.Second).Format(time.RFC3339)}
	}
	code, out, said := s.grab(now()...)
	list, err := st.List()
	if code != 0 || err != nil || len(list) != 1 {
		t.Fatalf("%d: %s%s; %v, %v", code, out, said, list, err)
	}
	if !strings.Contains(said, "CUCM's traces of cucm01: ") {
		t.Errorf("%s%s", out, said)
	}
	first := list[0].Incident
	checkTraced(t, st, first)

	gate := make(chan struct{})
	cluster.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Service: cucmlab.GetFile, BodyGate: gate}} })
	cmd := program(append([]string{"-c", s.config}, now()...)...)
	var told testsite.SafeBuffer
	cmd.Stderr = &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testsite.Until(t, "it waits for the traces", func() bool { return strings.Contains(told.String(), "waiting for CUCM's traces") })
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, told.String())
	}
	if list, err = st.List(); err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	left := list[0]
	if first == left.Incident {
		left = list[1]
	}
	if res, err := bundle.Verify(t.Context(), left.Bundle); err != nil || !res.OK || left.State != incident.Sealed {
		t.Fatalf("%+v: %v, %v", left, res, err)
	}
	close(gate)
	cluster.SetFaults(func(f *cucmlab.Faults) { f.Line = nil })
	s.watch()
	testsite.Until(t, "the next grab watch has added the traces", func() bool {
		in, err := st.Load(left.Incident)
		return err == nil && in.State == incident.Sealed && in.Revision == 2
	})
	checkTraced(t, st, left.Incident)
}

// checkTraced: the newest revision has traces, and the logs of the first byte for byte.
func checkTraced(t *testing.T, st *incident.Store, id string) {
	t.Helper()
	in, err := st.Load(id)
	if err != nil || in.State != incident.Sealed || len(in.Revisions) > 2 { // a slow machine has them in the first
		t.Fatalf("%+v, %v", in.Revisions, err)
	}
	res, err := bundle.Verify(t.Context(), in.Bundle)
	if err != nil || !res.OK {
		t.Fatal(err, res.Bad)
	}
	records := int64(0)
	for _, c := range res.Manifest.CUCM {
		for _, n := range c.Nodes {
			for _, f := range n.Files {
				if f.Family == cucm.LogSDL {
					records += f.Records
				}
			}
		}
	}
	if records == 0 {
		t.Errorf("no traces: %+v", res.Manifest.CUCM)
	}
	for _, h := range res.Manifest.Hosts {
		for _, f := range h.Files {
			if f.Path != "" && !bytes.Equal(readEntry(t, in.Revisions[0].Bundle, f.Path), readEntry(t, in.Bundle, f.Path)) {
				t.Errorf("%s differs from that of the first revision", f.Path)
			}
		}
	}
}
