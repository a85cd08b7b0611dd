package registration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/registration/judge"
)

// check compares what is said with the truth.
func (z *fz) check(r *Report, fail func(rule, what string)) {
	for _, n := range r.Notes {
		if m := fzClockSet.FindStringSubmatch(n); m != nil && !z.steps[m[1]] {
			fail("clock", n)
		}
		if strings.HasPrefix(n, "A stall") && !z.stall {
			fail("stall", n)
		}
	}
	whole := len(z.c().missing) == 0 && !z.c().left && (len(z.hosts) == 2 || len(z.hosts[2].missing) == 0)
	for _, p := range z.phones {
		i := slices.IndexFunc(r.Phones, func(x Phone) bool { return x.Device == p.dev })
		if i < 0 {
			continue
		}
		ph := r.Phones[i]
		bad := func(rule, what string) { fail(rule, p.dev+": "+what) }
		certain := ph.VerdictConfidence == Certain
		partial := p.after > 0 && p.after < p.all
		switch ph.Verdict {
		case VerdictPartial:
			if certain && !partial {
				bad("partial", "it is not partial")
			}
		case PhoneRegistered, VerdictRecovered:
			if p.after != p.all && (certain || whole) {
				bad("registered", fmt.Sprintf("it has %d lines of %d", p.after, p.all))
			}
			if certain && p.reg == nil && p.why == "expiry" {
				bad("registered-expired", "CUCM dropped it")
			}
		case PhoneCameBack:
			if certain && !slices.ContainsFunc(p.tries, func(y *fzTry) bool { return y.kind == "ka" && y.newreg }) {
				bad("came", "it never did")
			}
		case PhoneUnregistered:
			if certain && p.after != 0 {
				bad("unregistered", "it is registered")
			}
		}
		if r.Verdict == VerdictHealthy && p.after < p.all && p.after > 0 {
			bad("healthy", "it is partial")
		}
		for _, s := range ph.Statements {
			if m := fzOnTime.FindStringSubmatch(s.Text); m != nil {
				if d, _ := strconv.ParseFloat(m[1], 64); d > 190 {
					bad("on time", s.Text)
				}
			}
			if fzNegative.MatchString(s.Text) && !strings.Contains(s.Text, "clock") {
				bad("negative", s.Text)
			}
		}
		if ph.At == nil && ph.BackAt == nil {
			continue
		}
		// the last keep-alive that was taken for a new registration
		var came *fzTry
		for _, y := range p.tries {
			if y.kind == "ka" && y.newreg && y.u > 0 {
				came = y
			}
		}
		if came == nil || ph.At == nil || z.c().left {
			continue
		}
		sent := bkZero.Add(came.cOut)
		if p.c.clock != nil && p.c.measured == nil {
			sent = sent.Add(p.c.clock(came.cOut))
		}
		if ph.At.Sub(sent).Abs() > 5*bkS {
			continue // about another one, or C sent it again
		}
		var prev, first *fzTry
		for _, y := range p.tries {
			if y == came {
				break
			}
			if y.ok != 0 && y.ok < came.cOut {
				prev = y
			}
		}
		if prev == nil {
			continue
		}
		for _, y := range p.tries {
			if y.phone > prev.phone && y != prev && first == nil && y.e > 0 {
				first = y
			}
		}
		why := came.why
		cadence := time.Duration(prev.expires-5) * bkS
		exp := cadence + 6*bkS
		if ph.CauseConfidence != CannotTell && ph.CauseConfidence != "" {
			ok := true
			switch ph.Cause {
			case CauseTCP:
				ok = why == "conn" || why == "restart" || p.dead
			case CauseLate:
				ok = why == "expiry" || came.since > 135*bkS
			case CauseFailover:
				ok = why == "restart" || z.restarted
			case CauseTraversal:
				ok = false
			case CauseRefused:
				ok = p.code != 0
			case CausePath, CauseAuth:
				ok = false
			case CauseResetOrLogin:
				ok = why == "unregister"
			}
			if !ok {
				bad("cause "+ph.Cause, "in truth "+why)
			}
		}
		if first == nil {
			continue
		}
		if ph.LateAt == judge.BeforeE && ph.CauseConfidence != CannotTell && first.e-prev.ok < cadence+2*bkS {
			bad("late at", fmt.Sprintf("before E, and E had the first %s after the success", first.e-prev.ok))
		}
		if ph.LateAt == judge.InC && ph.Cause == CauseLate && first.cOut-first.c < 2*bkS || ph.LateAt == judge.InE && ph.Cause == CauseLate && first.eOut-first.e < 2*bkS {
			bad("late at", ph.LateAt)
		}
		if ph.LateAt == judge.BetweenCAndCUCM && ph.CauseConfidence != CannotTell && why == "expiry" && came.u-came.cOut < 2*bkS && first == came {
			bad("late at", ph.LateAt)
		}
		stepped := z.steps["expc01"] || z.steps["expe01"]
		truth := (first.cOut - prev.ok - cadence).Seconds()
		if ph.LateByS != nil && !stepped && first.cOut > 0 && first == came && (*ph.LateByS-truth > 1.5 || truth-*ph.LateByS > 1.5) {
			bad("late_by_s", fmt.Sprintf("%v, in truth %v", *ph.LateByS, truth))
		}
		for _, s := range ph.Statements {
			if s.Confidence == CannotTell {
				continue
			}
			if fzInTime.MatchString(s.Text) && came.since > exp {
				bad("in time", fmt.Sprintf("%s; at CUCM %s after the one before", s.Text, came.since))
			}
			if fzFirstIn.MatchString(s.Text) && first.e-prev.ok > exp {
				bad("first in time", s.Text)
			}
			if m := fzOnTime.FindStringSubmatch(s.Text); m != nil {
				if d, _ := strconv.ParseFloat(m[1], 64); d > 181 {
					bad("on time", s.Text)
				}
			}
			if strings.Contains(s.Text, "The phone itself sent it late") && first.phone-prev.ok < cadence+2*bkS {
				bad("phone late", s.Text)
			}
			if strings.Contains(s.Text, "the phone had sent it in time") && first.phone-prev.ok > cadence+4*bkS {
				bad("phone in time", s.Text)
			}
			if strings.Contains(s.Text, "Expressway-C received it in time") && first.c-prev.ok > exp {
				bad("C in time", s.Text)
			}
			if strings.Contains(s.Text, "Expressway-E received it in time") && first.e-prev.ok > exp {
				bad("E in time", s.Text)
			}
			if strings.Contains(s.Text, "Expressway-E sent it on in time") && first.eOut-prev.ok > exp {
				bad("E sent in time", s.Text)
			}
		}
	}
}

// both gives every log twice.
func (z *fz) analyzed(t *testing.T) *Report {
	src, o := z.sources()
	if z.twice {
		for _, s := range slices.Clone(src) {
			s.File = "copy/" + s.File
			src = append(src, s)
		}
	}
	return analyze(t, src, o)
}

// TestOwnSeeds compares what is said of random sites with the truth. OWN_SEEDS says how
// many, OWN_FROM from which on, and OWN_SHOW tells the whole story of each.
func TestOwnSeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("whole sites take long")
	}
	n, _ := strconv.Atoi(os.Getenv("OWN_SEEDS"))
	from, _ := strconv.Atoi(os.Getenv("OWN_FROM"))
	show := os.Getenv("OWN_SHOW") != ""
	n = pick(n, 100/fewer)
	count, eg := map[string]int{}, map[string][]string{}
	for seed := from; seed < from+n; seed++ {
		z := newFz(uint64(seed))
		r := z.analyzed(t)
		seen := map[string]bool{}
		z.check(r, func(rule, what string) {
			if !seen[rule] {
				seen[rule] = true
				count[rule]++
				if len(eg[rule]) < 12 {
					eg[rule] = append(eg[rule], fmt.Sprintf("%d: %s", seed, what))
				}
			}
		})
		if show {
			t.Logf("%s\n%s", strings.Join(z.story, "\n"), bkShow(r))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(count)) {
		t.Errorf("%s: of %d seeds\n\t%s", k, count[k], strings.Join(eg[k], "\n\t"))
	}
}

// TestOwnCorrupt: logs with bytes lost, doubled, swapped and changed do no more harm than
// that: nothing panics.
func TestOwnCorrupt(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("OWN_SEEDS"))
	from, _ := strconv.Atoi(os.Getenv("OWN_FROM"))
	for seed := from; seed < from+pick(n, 30/fewer); seed++ {
		z := newFz(uint64(seed))
		src, o := z.sources()
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		for i := range src {
			text := contents(t, src[i])
			for range 1 + r.IntN(40) {
				if len(text) < 100 {
					break
				}
				a := r.IntN(len(text) - 1)
				b := min(len(text), a+r.IntN([]int{3, 80, 3000, 40000}[r.IntN(4)]))
				switch r.IntN(5) {
				case 0:
					text = slices.Delete(text, a, b)
				case 1:
					text = slices.Insert(text, r.IntN(len(text)), slices.Clone(text[a:b])...)
				case 2:
					text[a] = byte(r.IntN(256))
				case 3:
					copy(text[a:b], text[r.IntN(len(text)):])
				case 4:
					for ; a < b && a < len(text); a++ {
						if text[a] >= '0' && text[a] <= '9' {
							text[a] = byte('0' + r.IntN(10))
						}
					}
				}
			}
			src[i] = with(src[i], text)
			if r.IntN(3) == 0 {
				src[i].Host, src[i].Role = "", ""
			}
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("seed %d: %v", seed, p)
				}
			}()
			begin := time.Now()
			if _, err := Analyze(t.Context(), src, o); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			if d := time.Since(begin); d > 5*time.Second {
				t.Logf("seed %d took %v", seed, d)
			}
		}()
	}
}
