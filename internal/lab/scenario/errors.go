package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// errorScenarios are about errors that C and E make themselves.
func errorScenarios() []Scenario {
	four := stubborn(4, mra.PhoneConfig{})
	fail := func(where string, code int, d time.Duration) []Step {
		return []Step{step(nextTurn, mra.Event{Kind: mra.Fail, Phone: 1, Where: where, Code: code, For: d})}
	}
	const long = 90 * time.Second
	byC := harmed(1, mra.HopC, wUnknown, wRefused).neverSay(saysFailover, saysDropped, saysHeldByC)
	byE := harmed(1, mra.HopInE, wUnknown, wRefused, wTraversal).neverSay(saysFailover, saysDropped)
	refused := harmed(0, mra.HopToCUCM, wFailover)
	quick := one(mra.PhoneConfig{Stubborn: true, Retry: 10 * time.Second})
	well := unharmed(1).told(`registered kept_alive refused kept_alive`)
	dropped := harmed(0, mra.HopToCUCM, wTCP)
	return []Scenario{
		{Name: "c-503", About: "C answers a phone's keep-alives with 503 for 90 s and sends none on", Site: four, Steps: fail("C", 503, long), Want: partialOf(byC.say(`503`))},
		{Name: "c-408", About: "C answers a phone's keep-alives with 408 and sends none on", Site: four, Steps: fail("C", 408, long), Want: partialOf(byC.say(`408`))},
		{Name: "e-504", About: "E answers a phone's keep-alives with 504 and sends none on", Site: four, Steps: fail("E", 504, long), Want: partialOf(byE.say(`504`))},
		{Name: "e-503", About: "E answers a phone's keep-alives with 503 and sends none on", Site: four, Steps: fail("E", 503, long), Want: partialOf(byE.say(`503`))},
		{Name: "e-408", About: "E answers a phone's keep-alives with 408 and sends none on", Site: four, Steps: fail("E", 408, long), Want: partialOf(byE.say(`408`))},
		{Name: "c-503-once", About: "C answers one keep-alive with 503, and the phone repeats it in time: no harm", Site: quick, Steps: fail("C", 503, 0), Want: healthyOf(well)},
		{Name: "e-504-once", About: "E answers one keep-alive with 504, and the phone repeats it in time: no harm", Site: quick, Steps: fail("E", 504, 0), Want: healthyOf(well)},
		{Name: "no-connection", About: "the connection to CUCM closes, and none can be opened for 90 s", Site: four,
			Steps: []Step{step(between, mra.Event{Kind: mra.NoConnection, For: 90 * time.Second})}, Want: partialOf(refused.neverSay(saysHeldByC).each(0, 2)...)},
		{Name: "no-connection-short", About: "the connection to CUCM closes; for 20 s none could be opened, and nobody tried", Site: four,
			Steps: []Step{step(between, mra.Event{Kind: mra.NoConnection, For: 20 * time.Second})}, Want: partialOf(dropped.sure(wCertain, wLikely).each(0, 2)...)},
		{Name: "no-connection-secondary", About: "no connection to the secondary CUCM can be opened for five minutes: no harm", Site: four,
			Steps: []Step{step(between, mra.Event{Kind: mra.NoConnection, Node: "cucm02.example.com", For: 5 * time.Minute})}, Want: healthyWithout(saysPartial)},
	}
}

// answerScenarios are about answers that came late.
func answerScenarios() []Scenario {
	slow := func(d time.Duration) Step { return step(nextTurn, mra.Event{Kind: mra.Slow, Phone: 1, For: d}) }
	keeps := one(mra.PhoneConfig{Stubborn: true})
	given := unharmed(1).told(`registered kept_alive refused kept_alive`).neverSay(saysFailover)
	again := back(1, `registered kept_alive refused registered( kept_alive)?`, "", wUnknown, wFailover).neverSay(saysPhoneLate, saysDelta, saysDropped, saysPartial)
	late := gonePartial(1, wLate)
	late.Story, late.Blame = `registered kept_alive dropped came_back_by_keepalive refused kept_alive`, mra.HopPhone
	return []Scenario{
		{Name: "answer-36s", About: "CUCM's answer comes after C has given up: the phone asks again, no harm", Site: keeps, Steps: []Step{slow(36 * time.Second)}, Want: healthyOf(given)},
		{Name: "answer-20s", About: "CUCM answers after 20 s: no harm", Site: keeps, Steps: []Step{slow(20 * time.Second)}, Want: healthyOf(unharmed(1))},
		{Name: "answer-36s-full", About: "CUCM's answer comes after C has given up, and the phone registers all its lines anew", Steps: []Step{slow(36 * time.Second)},
			Want: Want{Verdict: words(wHealthy, wRecovered), Bodies: "yes", Phones: []PhoneWant{again}, Others: fine()}},
		{Name: "answer-36s-newreg", About: "cause A, and CUCM's answer comes after C has given up", Site: keeps, Steps: []Step{{15 * time.Minute, mra.Event{Kind: mra.LateKeepAlive, Phone: 1}}, {14*time.Minute + 59*time.Second, mra.Event{Kind: mra.Slow, Phone: 1, For: 36 * time.Second}}},
			Want: partialOf(late)},
	}
}
