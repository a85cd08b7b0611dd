package wiring

import (
	"os"
	"slices"
	"testing"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// TestEndings: package incident, which knows no archives, knows the bundles of every format by their names.
func TestEndings(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	in := incident.Incident{ID: "20260302T141407Z-hq-3fa2c1", Revision: 2}
	if err := os.MkdirAll(st.Bundles(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, format := range bundle.Formats() {
		path := incident.BundleBase(st, in) + "." + format
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(incident.BundlesAt(st, in), path) {
			t.Errorf("a bundle that ends in %s is none", format)
		}
	}
}
