package main_test

import (
	"encoding/json"
	"testing"

	"rtmtgrab/internal/app/demo"
	"rtmtgrab/internal/testrace"
)

// TestDemoFleet: of two collectors of a site the one that owns the incident is killed, and the
// other makes the one bundle. How much of the window is in it is a matter of the machine.
func TestDemoFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	if testrace.On {
		t.Skip("the laboratory takes ten times as long, and the demo's phones have no such time")
	}
	t.Parallel()
	r := finish(t, command(t.TempDir(), "demo", "--fleet", "--json"))
	var got demo.FleetResult
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != 0 && r.code != 3 {
		t.Fatalf("%v: %s", err, r)
	}
	if !got.Intact || got.Killed == "" || got.Sealed == got.Killed || len(got.Bundles) != 1 && got.Supplement == "" {
		t.Errorf("%+v\n%s", got, r)
	}
}
