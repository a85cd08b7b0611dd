package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// againScenarios are about messages that were lost or sent more than once.
func againScenarios() []Scenario {
	repeat := func(where string) Scenario {
		return Scenario{Name: "repeat-" + map[string]string{"E": "e", "C": "c", "CUCM": "cucm"}[where], About: "a keep-alive is sent to " + where + " four times, the same message, and answered after 5 s: no harm",
			Steps: []Step{step(nextTurn, mra.Event{Kind: mra.Repeat, Phone: 1, Where: where, For: 5 * time.Second})}, Want: healthyOf(unharmed(1))}
	}
	lose := func(name, about, where string, d time.Duration, w Want) Scenario {
		return Scenario{Name: name, About: about, Steps: []Step{step(nextTurn, mra.Event{Kind: mra.Lose, Phone: 1, Where: where, For: d})}, Want: w}
	}
	lostTo := func(name, about, where string, p PhoneWant) Scenario {
		return Scenario{Name: name, About: about, Steps: []Step{step(nextTurn, mra.Event{Kind: mra.RepeatLost, Phone: 1, Where: where, For: 40 * time.Second})}, Want: partialOf(p)}
	}
	const soon, tooLate = 12 * time.Second, 33 * time.Second
	story := harmed(1, mra.HopEToC).Story
	unseen := harmed(1, mra.HopE, wLate, wUnknown).told(story)
	unseen.NoLateBy, unseen.NeverSay = false, words(saysPhoneLate, saysHeldByC, saysDropped)
	viaC := harmed(1, mra.HopEToC, wUnknown, wTraversal).at(wEToC).say(saysEToC).neverSay(saysDropped)
	viaCUCM := harmed(1, mra.HopToCUCM, wUnknown).say(saysToCUCM).neverSay(saysDropped)
	repC := harmed(1, mra.HopEToC, wLate, wUnknown, wTraversal).at(wEToC)
	repC.NoLateBy, repC.NeverSay = false, words(saysPhoneLate, saysHeldByC, saysDropped)
	repCUCM := harmed(1, mra.HopToCUCM, wLate, wUnknown).at(wToCUCM)
	repCUCM.NeverSay = words(saysPhoneLate, saysHeldByC, saysDropped, saysDelta)
	return []Scenario{
		repeat("E"), repeat("C"), repeat("CUCM"),
		lostTo("repeat-lost-c", "E sends a keep-alive to C seven times, and only the last arrives, after 31 s", "C", repC),
		lostTo("repeat-lost-cucm", "C sends a keep-alive to CUCM seven times, and only the last arrives, after 31 s", "CUCM", repCUCM),
		lose("lost-e", "a keep-alive never comes to E; the phone sends another in time: no harm", "E", soon, healthyOf(fineBut(1))),
		lose("lost-c", "a keep-alive never comes to C; the phone sends another in time: no harm", "C", soon, healthyOf(unharmed(1))),
		lose("lost-cucm", "a keep-alive is not answered by CUCM; the phone sends another in time: no harm", "CUCM", soon, healthyOf(unharmed(1))),
		lose("lost-e-harm", "a keep-alive never comes to E; the phone's next one is too late", "E", tooLate, partialOf(unseen)),
		lose("lost-c-harm", "a keep-alive never comes to C; the phone's next one is too late", "C", tooLate, partialOf(viaC)),
		lose("lost-cucm-harm", "a keep-alive never comes to CUCM; the phone's next one is too late", "CUCM", tooLate, partialOf(viaCUCM)),
	}
}

// cadenceScenarios are about the phones' own time, and C's.
func cadenceScenarios() []Scenario {
	held := func(d time.Duration) []Step {
		return []Step{{15 * time.Minute, mra.Event{Kind: mra.DelayKeepAlive, Phone: 1, Where: "in C", For: d}}}
	}
	inC := gonePartial(1, wLate).lateBy(29, 31).at(wInC).neverSay(saysPhoneLate, saysDropped).say(`(?i)Expressway-C|\bC\b`)
	inC.Cause, inC.Blame = words(wLate, wUnknown), mra.HopC
	all := func(every time.Duration, seconds int) []Step {
		var out []Step
		for i := range 4 {
			out = append(out, step(seconds, mra.Event{Kind: mra.Cadence, Phone: i, For: every}))
		}
		return out
	}
	jittery := mra.SiteConfig{}
	for range 4 {
		jittery.Sets = append(jittery.Sets, mra.PhoneConfig{Jitter: 3 * time.Second})
	}
	tardy := gonePartial(1, wLate).lateBy(15, 140).neverSay(saysDropped, saysHeldByC)
	tardy.Blame = mra.HopPhone
	return []Scenario{
		{Name: "held-in-c", About: "C receives a keep-alive in time and sends it on 30 s later", Steps: held(30 * time.Second), Want: partialOf(inC)},
		{Name: "held-in-c-short", About: "C holds up a keep-alive for 5 s: no harm", Steps: held(5 * time.Second), Want: healthyOf(fineBut(1))},
		{Name: "cadence-100", About: "the phones' cadence changes from 115 to 100 s", Steps: all(100*time.Second, between), Want: healthyOf()},
		{Name: "cadence-115", About: "the phones' cadence changes from 100 to 115 s", Steps: append(all(100*time.Second, 0), all(115*time.Second, between)...), Want: healthyOf()},
		{Name: "jitter", About: "keep-alives come up to 3 s earlier or later", Site: jittery, Want: healthyOf()},
		{Name: "jitter-late", About: "keep-alives come up to 3 s earlier or later, and one is late", Site: jittery, Steps: []Step{late(1, 15*time.Minute)}, Want: partialOf(tardy)},
		{Name: "cadence-late", About: "the cadence changes to 100 s, and then a phone is late", Steps: append(all(100*time.Second, between), late(1, 16*time.Minute)), Want: partialOf(tardy.lateBy(30, 155))},
	}
}

// fineBut is fine, for a phone of which it may be said that something was slow.
func fineBut(phone int) PhoneWant {
	p := unharmed(phone)
	p.Cause, p.NoLateBy = nil, false
	return p
}
