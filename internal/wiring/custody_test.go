package wiring

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// That a bundle is removed goes on from its own chain, and outlives it. One that belongs to
// whoever asked for it has no chain here.
func TestRemoving(t *testing.T) {
	t.Parallel()
	st, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := evidence.Manifest{Incident: "20260302T141407Z-hq-3fa2c1", Revision: 1, Coverage: evidence.Lost}
	for _, dir := range []string{st.Bundles(), t.TempDir()} {
		path := filepath.Join(dir, m.Incident+".zip")
		if _, err := bundle.Write(t.Context(), path, bundle.Input{Manifest: m, Log: func(_, _ string) (io.ReadCloser, error) { return nil, io.EOF }}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // a crash came after it was written down
			if err := Removing(path, "older than keep.age", time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, head, err := bundle.ChainOf(t.Context(), filepath.Join(st.Bundles(), m.Incident+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	_, err = custody.LedgerOf(st.Dir).Walk(m.Incident, head, func(e custody.Entry) error {
		said = append(said, e.Act+" "+e.Later.Why)
		return nil
	})
	if got := strings.Join(said, ", "); err != nil || got != "removed older than keep.age" {
		t.Errorf("%q, %v", got, err)
	}
}
