package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// zoneScenarios are about the way from E to C that carries nothing for a while.
func zoneScenarios() []Scenario {
	silent := func(code int, reason string, d time.Duration) []Step {
		return []Step{step(between, mra.Event{Kind: mra.ZoneSilent, Code: code, Close: reason, For: d})}
	}
	down := harmed(0, mra.HopEToC, wTraversal).sure(wCertain, wLikely).say(saysEToC).neverSay(saysFailover, saysDropped)
	place := harmed(0, mra.HopEToC, wUnknown).at(wEToC).say(saysEToC).neverSay(saysFailover, saysDropped)
	blind := harmed(0, mra.HopEToC, wUnknown, wTraversal).sure(wCannotTell, wLikely, "").neverSay(saysFailover, saysDropped)
	blind.Verdict = words(wPartial, wCameBack, wUnknown)
	four := stubborn(4, mra.PhoneConfig{})
	scenario := func(name, about string, p PhoneWant, steps []Step) Scenario {
		return Scenario{Name: name, About: about, Site: four, Steps: steps, Want: partialOf(p.each(0, 2)...)}
	}
	hole := scenario("zone-silent-hole", "the way from E to C is silent, and E's log lacks that time", blind, silent(408, "", 4*time.Minute))
	hole.Holes = []Hole{{"expe01", 675 * time.Second, 860 * time.Second}}
	hole.Want.Verdict = words(wPartial, wUnknown)
	often := stubborn(4, mra.PhoneConfig{Retry: 10 * time.Second})
	often.Delta = 60 * time.Second
	return []Scenario{
		scenario("zone-silent", "what E sends does not come to C for four minutes, then the zone's records say that it failed", down, silent(408, closedTimedOut, 4*time.Minute)),
		scenario("zone-silent-no-answer", "the same, and E answers nothing", down, silent(0, closedTimedOut, 4*time.Minute)),
		scenario("zone-silent-no-record", "what E sends does not come to C for four minutes, and no record says why", place, silent(408, "", 4*time.Minute)),
		scenario("zone-silent-nothing", "the same, and E answers nothing", place, silent(0, "", 4*time.Minute)),
		hole,
		{Name: "zone-silent-idle", About: "the way from E to C is silent for 30 s in which nobody needs it: no harm", Site: four, Steps: silent(408, closedTimedOut, 30*time.Second), Want: healthyWithout(saysPartial)},
		{Name: "zone-silent-retried", About: "phones with a cadence of 60 s repeat what did not come to C: no harm", Site: often, Steps: []Step{step(635, mra.Event{Kind: mra.ZoneSilent, Code: 408, For: 60 * time.Second})},
			Want: healthyOf(unharmed(0).told(`registered kept_alive refused( kept_alive refused)? kept_alive`).each(0, 2)...)},
	}
}
