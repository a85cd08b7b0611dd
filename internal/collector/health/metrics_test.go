package health

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// TestOutcomes: each sealed revision counts by its site, and a failure once, however
// often it is tried again, until the incident is sealed.
func TestOutcomes(t *testing.T) {
	m := NewMetrics(func() status.Report { return status.Report{} })
	store := &incident.Store{Dir: t.TempDir()}
	tell := func(what, key, site string, c evidence.Coverage) {
		m.Event(incident.Event{What: what, Key: key, Site: site, Coverage: c, Err: errors.New("x")}, store)
	}
	for range 3 {
		tell(incident.EventFailed, "a", "hq", "")
	}
	tell(incident.EventFailed, "b", "hq", "")
	tell(incident.EventFailed, "c", "lab", "")
	tell(incident.EventSealed, "a", "hq", evidence.Partial)
	tell(incident.EventFailed, "a", "hq", "") // of a retry
	tell(incident.EventSealed, "a", "hq", evidence.Complete)
	tell(incident.EventSealed, "d", "hq", evidence.Lost)
	tell(incident.EventFirstPass, "e", "hq", evidence.Lost)
	for _, want := range []struct {
		site, coverage string
		n              float64
	}{{"hq", "complete", 1}, {"hq", "partial", 1}, {"hq", "lost", 1}, {"hq", "failed", 3}, {"lab", "failed", 1}, {"lab", "lost", 0}} {
		if n := testutil.ToFloat64(m.Outcomes.count.WithLabelValues(want.site, want.coverage)); n != want.n {
			t.Errorf("%+v: %v", want, n)
		}
	}
}
