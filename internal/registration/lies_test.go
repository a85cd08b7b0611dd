package registration

import (
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
)

// What no report of any scenario may say, whatever logs it has.
const (
	liePhoneLate = `(?i)the phone( itself)? (had )?sent (it|its (first )?(keep-alive|REGISTER)) (too )?late`
	lieDelta     = `(?i)\b(set|raise|increase)\b[^.]*Timer Register Delta`
)

// checkLies compares what is said with the truth, in every form of a scenario.
func checkLies(t testing.TB, p *labscenario.Played, r *Report) {
	t.Helper()
	s := sayingsOf(t, r)
	for i, device := range p.Site.Devices() {
		w := p.Want.Of(i)
		if w.Partial && r.Verdict == VerdictHealthy && p.Seen(i) && changedInside(p, i) {
			t.Errorf("healthy, and %s is partial: %s", device, r.Summary)
		}
		j := slices.IndexFunc(r.Phones, func(ph Phone) bool {
			return ph.Device == device || ph.Device == "" && ph.MAC == p.Site.MACs()[i]
		})
		said, ok := s.of(p, i)
		if !ok || j < 0 {
			continue
		}
		lie := func(what string) {
			t.Errorf("%s: %s\n\t%s", device, what, strings.Join(said.sentences(), "\n\t"))
		}
		ph, blame := r.Phones[j], p.Blame(i)
		if ph.Verdict == VerdictPartial && said.VerdictConfidence == Certain && !w.Partial {
			lie("partial, certain, and it is not")
		}
		if ph.Cause == CauseTCP && !p.Cut(i) {
			lie("no connection dropped")
		}
		if _, ok := claim(said.sentences(), liePhoneLate); ok && blame != mra.HopPhone {
			lie("the phone is blamed; the truth is: " + truth(blame))
		}
		if _, ok := claim(said.sentences(), lieDelta); ok && blame != mra.HopPhone && blame != mra.HopE && !slices.Contains(w.Cause, CauseLate) {
			lie("Timer Register Delta is advised; the truth is: " + truth(blame))
		}
	}
}

// truth is where a registration was lost.
func truth(h mra.Hop) string {
	if h == "" {
		return "none was lost"
	}
	return "lost at " + string(h)
}

// changedInside reports whether the phone's last new registration is in the logs.
func changedInside(p *labscenario.Played, phone int) bool {
	var at mra.Happening
	for _, h := range p.Site.Happened() {
		if h.Device == p.Site.Devices()[phone] && h.NewReg {
			at = h
		}
	}
	return at.Sent.After(p.Since) && !slices.Contains(p.LeaveOut, at.C)
}
