package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

const day = 24 * time.Hour

// dateScenarios are about phones whose own clocks are wrong.
func dateScenarios() []Scenario {
	held := func(seconds int) Step {
		return step(seconds, mra.Event{Kind: mra.DelayKeepAlive, Phone: 1, Where: "E", For: 30 * time.Second})
	}
	late := gonePartial(1, wLate).lateBy(29, 31).at(wBeforeE).neverSay(saysPhoneLate, saysHeldByC, saysDropped)
	late.Blame = mra.HopE
	jump := func(d time.Duration) Step { return step(between, mra.Event{Kind: mra.DateStep, Phone: 1, For: d}) }
	return []Scenario{
		{Name: "date-days", About: "a phone's clock is three days off; its keep-alive is held up before E", Site: one(mra.PhoneConfig{Clock: -3 * day}), Steps: []Step{held(nextTurn)}, Want: partialOf(late)},
		{Name: "date-1970", About: "a phone's clock stands in 1970 until its first REGISTER is answered; a keep-alive is held up before E", Site: one(mra.PhoneConfig{ClockUnset: true}), Steps: []Step{held(nextTurn)},
			Want: partialOf(late)},
		{Name: "date-1970-first", About: "the same, and the first keep-alive is held up", Site: one(mra.PhoneConfig{ClockUnset: true}), Steps: []Step{held(60)}, Want: partialOf(late.told(`registered dropped came_back_by_keepalive( kept_alive)?`))},
		{Name: "date-jump", About: "a phone's clock jumps by two days, and the next keep-alive is held up before E", Steps: []Step{jump(2 * day), held(nextTurn)}, Want: partialOf(late)},
		{Name: "date-jump-well", About: "a phone's clock jumps by two days, and nothing happens", Steps: []Step{jump(2 * day)}, Want: healthyOf()},
		{Name: "date-1970-well", About: "the phones' clocks stand in 1970 until their first REGISTERs are answered, and nothing happens",
			Site: mra.SiteConfig{Sets: []mra.PhoneConfig{{ClockUnset: true}, {ClockUnset: true}, {ClockUnset: true}, {ClockUnset: true}}}, Want: healthyOf()},
	}
}

// stepScenarios are about clocks of Expressways that jump.
func stepScenarios() []Scenario {
	jump := func(seconds int, host string, d time.Duration) Step {
		return step(seconds, mra.Event{Kind: mra.ClockStep, Where: host, For: d})
	}
	calm := Want{Verdict: words(wHealthy, wUnknown), Bodies: "yes", Notes: words(`(?i)clock`), Others: well.never(wRecovered, wRefused).neverSay(saysPhoneLate, saysDelta, saysCameLate, saysDropped, saysHeldByC)}
	alone := func(name, about, host string, d time.Duration) Scenario {
		return Scenario{Name: name, About: about, Steps: []Step{jump(between, host, d)}, Want: calm}
	}
	tardy := gonePartial(1, wLate).lateBy(19, 137).neverSay(saysHeldByC, saysDropped)
	tardy.Blame = mra.HopPhone
	const off = 40 * time.Second
	some := Want{Verdict: words(wPartial), Bodies: "yes", Phones: []PhoneWant{tardy}, Others: calm.Others}
	return []Scenario{
		alone("step-c", "the clock of a C jumps by 40 s and stays", "expc02", off),
		alone("step-c-back", "the clock of a C jumps back by 40 s and stays", "expc02", -off),
		alone("step-e", "the clock of an E jumps by 40 s and stays", "expe02", off),
		alone("step-e-back", "the clock of an E jumps back by 40 s and stays", "expe02", -off),
		{Name: "step-and-late", About: "the clock of a C jumps by 40 s; a phone that goes through it is late five minutes later", Steps: []Step{jump(between, "expc02", off), late(1, 16*time.Minute)}, Want: some},
		{Name: "step-in-late", About: "the clock of a C jumps by 40 s while a phone is silent that comes back late", Steps: []Step{jump(885, "expc02", off), late(1, 15*time.Minute)}, Want: some},
	}
}

// stallScenarios are those in which a hop stands still for a while, for all.
func stallScenarios() []Scenario {
	const saysStall = `(?i)stall|stood still|stuck|froze|held up|at once|all (of )?(its|these|the) phones`
	const saysClock = `(?i)clock [^.]*(jumped|stepped|was set)`
	stall := func(where string, seconds int, d time.Duration) []Step {
		return []Step{step(seconds, mra.Event{Kind: mra.Stall, Phone: 1, Where: where, For: d})}
	}
	held := func(blame mra.Hop, places ...string) PhoneWant {
		p := harmed(1, blame, wLate, wUnknown).at(places...).neverSay(saysClock, saysDropped)
		p.Never = append(p.Never, wTraversal)
		p.NoLateBy = false
		p.NeverSay = words(saysPhoneLate, saysDelta, saysClock, saysDropped)
		return p
	}
	six := mra.SiteConfig{Phones: 6}
	scenario := func(name, about, where string, p PhoneWant) Scenario {
		return Scenario{Name: name, About: about, Site: six, Steps: stall(where, 803, 56*time.Second), Want: partialOf(p.each(1, 3, 5)...)}
	}
	calm := healthyOf()
	calm.Others = calm.Others.neverSay(saysClock)
	calm.Others.NeverSay = append(words(saysClock, saysPartial, saysPhoneLate), saysDelta)
	return []Scenario{
		scenario("stall-c", "a C is frozen for 56 s: all its phones are late at once", "C", held(mra.HopEToC, wEToC, wInC).say(saysStall)),
		scenario("stall-zone", "what E sends to C is stuck for 56 s: all phones are late at once", "E-C", held(mra.HopEToC, wEToC).say(saysStall)),
		scenario("stall-in-c", "C receives in time and sends nothing on for 56 s: all phones are late at once", "in C", held(mra.HopC, wInC).say(saysStall)),
		scenario("stall-cucm", "what C sends to CUCM is stuck for 56 s: all phones are late at once", "CUCM", held(mra.HopToCUCM, "", wToCUCM)),
		{Name: "stall-c-short", About: "a C is frozen for 18 s: all its phones are late at once, and none is harmed", Site: six, Steps: stall("C", 815, 18*time.Second), Want: calm},
		{Name: "stall-zone-short", About: "what E sends to C is stuck for 18 s, and nobody is harmed", Site: six, Steps: stall("E-C", 815, 18*time.Second), Want: calm},
	}
}
