package channel

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// What people read of an incident has the site's time first; the JSON beside it stays UTC.
func TestToldInTheSitesZone(t *testing.T) {
	at := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	const summary = "SEP1 came back by keep-alive at 14:14:07 UTC."
	in := Incident{Key: "k", Incident: "i", Site: "hq", TimeZone: "America/New_York", Window: evidence.NewWindow(at.Add(-15*time.Minute), at.Add(5*time.Minute)), Coverage: "complete",
		Alerts: []string{"14:14:07 UTC PartiallyRegisteredPhone on cucm01"}, Found: &Registration{Verdict: "partial", Summary: summary}}
	n := Told(at, KindSealed, in)
	for _, want := range []string{
		"Alert:    09:14:07 EST (14:14:07 UTC) PartiallyRegisteredPhone on cucm01\n",
		"Window:   2026-03-02 08:59:07 to 09:19:07 EST (13:59:07 to 14:19:07 UTC)\n",
		"Verdict:  SEP1 came back by keep-alive at 09:14:07 EST (14:14:07 UTC).\n",
	} {
		if !strings.Contains(n.Text, want) {
			t.Errorf("%q is not in\n%s", want, n.Text)
		}
	}
	if n.Incident.Found.Summary != summary {
		t.Errorf("the JSON says %q", n.Incident.Found.Summary)
	}
}
