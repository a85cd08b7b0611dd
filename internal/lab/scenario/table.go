package scenario

import (
	"slices"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// The words of registrations.json that the table needs.
const (
	wPartial      = "partial"
	wRecovered    = "recovered"
	wHealthy      = "healthy"
	wUnknown      = "unknown"
	wCameBack     = "came_back_by_keepalive"
	wRegistered   = "registered"
	wUnregistered = "unregistered"
	wRefused      = "refused"

	wLate      = "late_keepalive"
	wTCP       = "tcp_dropped"
	wTraversal = "traversal_down"
	wPath      = "path_changed"
	wFailover  = "cucm_failover"
	wAuth      = "auth"
	wReset     = "reset_or_login"

	wCertain    = "certain"
	wLikely     = "likely"
	wCannotTell = "cannot_tell"
)

func words(w ...string) []string { return w }

// What Site.Story tells, often.
const (
	wellStory    = `registered( kept_alive)?`
	partialStory = `registered kept_alive dropped came_back_by_keepalive( kept_alive)?`
	refusedStory = `registered kept_alive refused( dropped)?( refused)?`
)

// well is a phone of which nothing bad may be said.
var well = PhoneWant{Story: wellStory, Verdict: words(wRegistered), Cause: words(""), Never: words(wPartial, wCameBack, wLate, wTCP)}

// quiet is a phone of which nothing bad may be said, but perhaps nothing at all.
var quiet = PhoneWant{Story: wellStory, Verdict: words(wRegistered, wUnknown), Cause: words("", wUnknown), Never: words(wPartial, wCameBack, wLate, wTCP)}

// back is a phone that had trouble and has all its lines again.
func back(phone int, story string, causes ...string) PhoneWant {
	return PhoneWant{Phone: phone, Story: story, Verdict: words(wRecovered, wRegistered), Cause: causes, Never: words(wPartial, wCameBack, wUnregistered, wRefused, wLate)}
}

// backAll is the same of several.
func backAll(phones []int, story string, causes ...string) []PhoneWant {
	var out []PhoneWant
	for _, i := range phones {
		out = append(out, back(i, story, causes...))
	}
	return out
}

// gonePartial is a phone with one line of several left at the end.
func gonePartial(phone int, cause string) PhoneWant {
	p := PhoneWant{Phone: phone, Story: partialStory, Partial: true, Verdict: words(wPartial), Cause: words(cause), Confidence: words(wCertain, wLikely)}
	for _, c := range []string{wLate, wTCP, wTraversal, wPath, wFailover, wAuth, wReset} {
		if c != cause {
			p.Never = append(p.Never, c)
		}
	}
	return p
}

// lateBy adds how late the keep-alive was, in seconds beyond the phone's cadence.
func (p PhoneWant) lateBy(least, most float64) PhoneWant {
	p.LateBy = [2]float64{least, most}
	return p
}

// never adds what must not be said.
func (p PhoneWant) never(w ...string) PhoneWant {
	p.Never = append(slices.Clone(p.Never), w...)
	return p
}

func late(phone int, after time.Duration) Step {
	return Step{after, mra.Event{Kind: mra.LateKeepAlive, Phone: phone}}
}

// Scenarios is the table, each with another name.
func Scenarios() []Scenario {
	return slices.Concat(lateScenarios(), connectionScenarios(), refusedScenarios(), healthyScenarios(), movedScenarios(), blindScenarios(),
		silentScenarios(), unansweredScenarios(), zoneScenarios(), errorScenarios(), answerScenarios(), againScenarios(), cadenceScenarios(),
		holeScenarios(), edgeScenarios(), lineScenarios(), jabberScenarios(), bodyScenarios(), editedScenarios(), dateScenarios(), stepScenarios(), stallScenarios(),
		infoScenarios(), firstScenarios(), failoverScenarios(), shortScenarios())
}

// lateScenarios are about cause A.
func lateScenarios() []Scenario {
	partial := func(p ...PhoneWant) Want {
		return Want{Verdict: words(wPartial), Bodies: "yes", Phones: p, Others: well}
	}
	held := func(name, about, where string, p PhoneWant) Scenario {
		return Scenario{Name: name, About: about, Steps: []Step{{15 * time.Minute, mra.Event{Kind: mra.DelayKeepAlive, Phone: 1, Where: where, For: 30 * time.Second}}}, Want: partial(p)}
	}
	toCUCM := gonePartial(1, wLate)
	toCUCM.Cause = words(wLate, wUnknown) // that it was late is only seen in the answer's delay
	oneLine := PhoneWant{Phone: 1, Story: partialStory, Verdict: words(wCameBack), Cause: words(wLate), Never: words(wPartial, wTCP)}
	unknownLines := PhoneWant{Phone: 1, Story: partialStory, Partial: true, Verdict: words(wCameBack, wPartial), Cause: words(wLate), Never: words(wTCP)}
	cured := PhoneWant{Phone: 1, Story: `registered kept_alive dropped came_back_by_keepalive( kept_alive)? unregistered registered( kept_alive)?`,
		Verdict: words(wRecovered), Cause: words(wLate), Never: words(wPartial, wTCP, wUnregistered)}
	challenged := []PhoneWant{gonePartial(0, wLate).lateBy(19, 137), gonePartial(2, wLate).lateBy(19, 137)}
	return []Scenario{
		{Name: "late", About: "cause A: a phone is silent for too long and goes partial", Steps: []Step{late(1, 15*time.Minute)}, Want: partial(gonePartial(1, wLate).lateBy(19, 137))},
		held("late-before-e", "the phone sent its keep-alive on time, it came 30 s late to Expressway-E", "E", gonePartial(1, wLate).lateBy(29, 31).never("between E and C", "between C and CUCM")),
		held("late-before-c", "a keep-alive was held up for 30 s between E and C", "C", gonePartial(1, wLate).lateBy(29, 31).never("before E", "between C and CUCM")),
		held("late-before-cucm", "a keep-alive was held up for 30 s between C and CUCM", "CUCM", toCUCM.never("before E", "between E and C")),
		{Name: "late-one-line", About: "a phone with one line comes back by keep-alive: not partial", Site: mra.SiteConfig{Lines: 1}, Steps: []Step{late(1, 15*time.Minute)},
			Want: Want{Verdict: words(wPartial, wHealthy, wRecovered, wUnknown), Bodies: "yes", NeverSay: words(saysPartial), Phones: []PhoneWant{oneLine}, Others: well}},
		{Name: "late-lines-unknown", About: "cause A, and no full REGISTER is in the logs", Before: 30 * time.Minute, Steps: []Step{late(1, 15*time.Minute)},
			Want: Want{Verdict: words(wPartial, wUnknown), Bodies: "yes", Phones: []PhoneWant{unknownLines}, Others: unseen()}},
		{Name: "late-info", About: "cause A, logged at INFO", Level: "INFO", Steps: []Step{late(1, 15*time.Minute)},
			Want: Want{Verdict: words(wUnknown), Bodies: "no", Notes: words(`(?i)bodies`), Others: quiet, Phones: []PhoneWant{{Phone: 1, Story: partialStory, Partial: true,
				Verdict: words(wUnknown, wCameBack), Cause: words(wLate, wUnknown), Confidence: words(wCannotTell, wLikely), Never: words(wPartial, wRecovered, wTCP)}}}},
		{Name: "late-challenged", About: "OAuth and digest challenges of every REGISTER; two such phones are late",
			Site:  mra.SiteConfig{Phones: 6, Sets: []mra.PhoneConfig{{Auth: mra.Bearer, User: "asmith"}, {Auth: mra.ProxyDigest, User: "bjones"}, {Auth: mra.DigestAlways}, {Auth: mra.Bearer}, {Auth: mra.DigestAlways}}},
			Steps: []Step{late(0, 13*time.Minute), late(2, 15*time.Minute)}, Want: Want{Verdict: words(wPartial), Bodies: "yes", Phones: challenged, Others: well.never(wAuth, wRefused)}},
		{Name: "late-180-20", About: "Expires 180 and a delta of 20: 160 s are on time", Site: mra.SiteConfig{Expires: 180 * time.Second, Delta: 20 * time.Second}, Steps: []Step{late(1, 15*time.Minute)},
			Want: partial(gonePartial(1, wLate).lateBy(34, 205))},
		{Name: "late-12s", About: "ten times as fast: Expires 12", Site: mra.SiteConfig{Expires: 12 * time.Second}, Length: 3 * time.Minute, Steps: []Step{late(1, 2*time.Minute)},
			Want: partial(gonePartial(1, wLate).lateBy(1.8, 14))},
		{Name: "late-then-reset", About: "cause A, then a reset: all lines are back", Steps: []Step{late(1, 10*time.Minute), {14 * time.Minute, mra.Event{Kind: mra.Reset, Phone: 1}}},
			Want: Want{Verdict: words(wRecovered), Bodies: "yes", Phones: []PhoneWant{cured}, Others: well}},
		{Name: "late-clocks", About: "cause A; the clocks of C and E are 90 s apart", Clocks: map[string]time.Duration{"expe01": 90 * time.Second, "expe02": 90 * time.Second},
			Steps: []Step{late(1, 15*time.Minute)}, Want: Want{Verdict: words(wPartial), Bodies: "yes", Notes: words(`(?i)clock`), Others: well,
				Phones: []PhoneWant{gonePartial(1, wLate).lateBy(19, 137).never("between E and C", "between C and CUCM")}}},
		{Name: "late-shared-line", About: "two phones share a line; one of them is late", Site: mra.SiteConfig{Sets: []mra.PhoneConfig{{Numbers: words("7022", "7030")}, {Numbers: words("7022", "7040")}}},
			Steps: []Step{late(1, 15*time.Minute)}, Want: partial(gonePartial(1, wLate).lateBy(19, 137))},
	}
}
