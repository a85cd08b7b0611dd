package registration

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"rtmtgrab/internal/testrace"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOwnUnknownCoverage: of logs that are not known to be whole nothing that rests on an
// absence is certain, and nothing is healthy.
func TestOwnUnknownCoverage(t *testing.T) {
	testrace.Whole(t)
	n, _ := strconv.Atoi(os.Getenv("OWN_SEEDS"))
	from, _ := strconv.Atoi(os.Getenv("OWN_FROM"))
	count, eg := map[string]int{}, map[string][]string{}
	for seed := from; seed < from+pick(n, 50/fewer); seed++ {
		z := newFz(uint64(seed))
		for _, h := range z.hosts {
			h.unknown, h.missing = true, nil
		}
		r := z.analyzed(t)
		seen := map[string]bool{}
		bad := func(rule, what string) {
			if !seen[rule] {
				seen[rule] = true
				count[rule]++
				if len(eg[rule]) < 6 {
					eg[rule] = append(eg[rule], fmt.Sprintf("%d: %s", seed, what))
				}
			}
		}
		if r.Verdict == VerdictHealthy {
			bad("healthy", r.Summary)
		}
		for _, p := range r.Phones {
			if p.VerdictConfidence == Certain && p.Verdict != VerdictRecovered {
				bad("verdict certain", p.Summary)
			}
			if p.CauseConfidence == Likely && p.Cause == CauseTCP && p.LostAt == nil {
				bad("cause", p.Summary)
			}
			for _, s := range p.Statements {
				if s.Confidence == Certain && regexp.MustCompile(`(?i)no full REGISTER|came late|beyond the phone's own cadence|has not registered again|is not partial|throughout`).MatchString(s.Text) {
					bad("certain: "+strings.Join(strings.Fields(regexp.MustCompile(`[0-9:.]+`).ReplaceAllString(s.Text, ""))[:4], " "), s.Text)
				}
				if s.Confidence != CannotTell && strings.Contains(s.Text, "did not receive it") {
					bad("absence", s.Text)
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(count)) {
		t.Errorf("%s: of %d seeds\n\t%s", k, count[k], strings.Join(eg[k], "\n\t"))
	}
}
