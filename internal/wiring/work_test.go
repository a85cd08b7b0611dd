package wiring

import (
	"testing"

	"rtmtgrab/internal/incident"
)

// What the queue says of a copy names the incident in whose folder it goes.
func TestWorkIn(t *testing.T) {
	const key = "20260302T141407Z-hq-3fa2c1"
	w := workIn((&incident.Store{Dir: t.TempDir()}).Slices(key, "expc01"), "expc01")
	if w.Incident != key || w.Host != "expc01" {
		t.Errorf("%q, %q", w.Incident, w.Host)
	}
}
