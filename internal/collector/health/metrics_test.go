package health

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

// TestOutcomes: each sealed revision counts by its site, and a failure once, however
// often it is tried again, until the incident is sealed.
func TestOutcomes(t *testing.T) {
	m := NewMetrics(func() status.Report { return status.Report{} })
	store := &incident.Store{Dir: t.TempDir()}
	tell := func(what, key, site string, c evidence.Coverage) {
		m.Event(runner.Event{What: what, Key: key, Site: site, Coverage: c, Err: errors.New("x")}, store)
	}
	for range 3 {
		tell(runner.EventFailed, "a", "hq", "")
	}
	tell(runner.EventFailed, "b", "hq", "")
	tell(runner.EventFailed, "c", "lab", "")
	tell(runner.EventSealed, "a", "hq", evidence.Partial)
	tell(runner.EventFailed, "a", "hq", "") // of a retry
	tell(runner.EventSealed, "a", "hq", evidence.Complete)
	tell(runner.EventSealed, "d", "hq", evidence.Lost)
	tell(runner.EventFirstPass, "e", "hq", evidence.Lost)
	for _, want := range []struct {
		site, coverage string
		n              float64
	}{{"hq", "complete", 1}, {"hq", "partial", 1}, {"hq", "lost", 1}, {"hq", "failed", 3}, {"lab", "failed", 1}, {"lab", "lost", 0}} {
		if n := testutil.ToFloat64(m.Outcomes.count.WithLabelValues(want.site, want.coverage)); n != want.n {
			t.Errorf("%+v: %v", want, n)
		}
	}
}
