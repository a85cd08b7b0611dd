package rehearsal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/runner"
)

// A bundle that is not complete fails its drill, at the host that is to blame or else where
// it is sealed; what several parts of a pass ended by is said once.
func TestDrillCoverage(t *testing.T) {
	late := errors.New("not reached in time")
	for name, tt := range map[string]struct {
		err          error
		coverage     evidence.Coverage
		failed, says string
	}{
		"complete":           {nil, evidence.Complete, "", ""},
		"a host is to blame": {errors.Join(late, fmt.Errorf("%w", late)), evidence.Partial, drill.StepCopied, "not reached in time"},
		"nobody is":          {nil, evidence.Partial, drill.StepSealed, "coverage partial: all was copied, and a log had no record"},
	} {
		r := &rehearsal{site: &config.Site{Hosts: []config.Host{{Name: "c1"}}}, tell: func(drill.Step) {}, result: drill.Result{Began: time.Now()}}
		h := &hosts{rehearsal: r, held: map[string]bool{}, last: map[string]runner.Event{}}
		for _, e := range []runner.Event{
			{What: runner.EventHeld, Host: "c1"},
			{What: runner.EventPass, Host: "c1", Err: tt.err, Result: &evidence.Host{Coverage: evidence.Complete}},
			{What: runner.EventSealing},
			{What: runner.EventSealed, Coverage: tt.coverage},
		} {
			h.event(e)
		}
		if got := r.result.Failed(); got.Step != tt.failed || !strings.HasPrefix(got.What, tt.says) || strings.Count(got.What, "time") > 1 {
			t.Errorf("%s: %+v", name, r.result.Steps)
		}
	}
}
