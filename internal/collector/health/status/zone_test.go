package status

import (
	"os"
	"strings"
	"testing"
	"time"
)

// The documents in testdata are of a machine whose zone is UTC, wherever this one stands.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// The zone that all sites have comes first in what people read.
func TestWriteInTheSitesZone(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	r := Report{Now: now, Started: now.Add(-time.Hour), TimeZone: "America/New_York", Problems: []Problem{{What: "expc01 is down since 2026-03-02T14:00:00Z", Hint: "grab now --at 2026-03-02T14:00:00Z"}}}
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"started 2026-03-02 08:14:07 EST (13:14:07 UTC)", "down since 2026-03-02 09:00:00 EST (14:00:00 UTC)", "--at 2026-03-02T14:00:00Z\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
