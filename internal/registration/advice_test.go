package registration

import (
	"strings"
	"testing"

	"rtmtgrab/internal/registration/judge"
)

// Whatever happened to a phone, its advice protects the evidence: the problem report and
// CUCM's traces are collected first, and the phone is reset last.
func TestAdviceProtectsEvidence(t *testing.T) {
	for _, verdict := range judge.Ranks {
		for cause := range words {
			for _, where := range []string{judge.Nowhere, judge.BeforeE, judge.InE, judge.BetweenEAndC, judge.InC, judge.BetweenCAndCUCM} {
				said := advice(verdict, &judge.Reason{Cause: cause, Where: where})
				reset := strings.Index(said, "reset the phone")
				prt, traces := strings.Index(said, "problem report (PRT)"), strings.Index(said, "CUCM's traces")
				affected := verdict == VerdictPartial || verdict == PhoneCameBack
				switch {
				case (reset >= 0) != affected:
					t.Errorf("%s, %s: %s", verdict, cause, said)
				case affected && (prt < 0 || traces < 0 || prt > reset || traces > reset || strings.Contains(said[reset:], "ook at")):
					t.Errorf("%s, %s: the reset is not the last: %s", verdict, cause, said)
				}
			}
		}
	}
}
