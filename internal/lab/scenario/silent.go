package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// The words of the log for a connection that ended.
const (
	closedEOF      = "Got EOF on socket"
	closedTimedOut = "Connection timed out"
)

// silentScenarios are about cause B in its silent form: the connection from C to CUCM
// carries nothing any more, and C is not told.
func silentScenarios() []Scenario {
	drop := func(code int, reason string, d time.Duration) Step {
		return step(between, mra.Event{Kind: mra.SilentDrop, Code: code, Close: reason, For: d})
	}
	lost := harmed(0, mra.HopToCUCM, wTCP).say(saysToCUCM).neverSay(saysFailover)
	with := func(name, about string, p PhoneWant, steps ...Step) Scenario {
		return Scenario{Name: name, About: about, Site: stubborn(4, mra.PhoneConfig{}), Steps: steps, Want: partialOf(p.each(0, 2)...)}
	}
	sure, likely := lost.sure(wCertain, wLikely), lost.sure(wLikely)
	six := with("silent-six", "a firewall drops the connection silently; six keep-alives in time, no answer, then the connection times out", sure, step(250, mra.Event{Kind: mra.SilentDrop, Close: closedTimedOut, For: 11 * time.Minute}))
	return []Scenario{
		with("silent-408", "the connection to CUCM falls silent; C answers 408 and closes it after four minutes: timed out", sure, drop(408, closedTimedOut, 4*time.Minute)),
		with("silent-eof", "the same, and the record of the close says EOF", sure, drop(408, closedEOF, 4*time.Minute)),
		with("silent-no-record", "the same, and no record tells of the close: a new connection opens beside the old one", likely, drop(408, "", 4*time.Minute)),
		with("silent-504", "the same, and C answers 504", sure, drop(504, closedTimedOut, 4*time.Minute)),
		with("silent-no-answer", "the connection falls silent and C answers nothing; it times out", sure, drop(0, closedTimedOut, 4*time.Minute)),
		with("silent-nothing", "the connection falls silent, C answers nothing and no record tells of a close", likely, drop(0, "", 4*time.Minute)),
		six, silentThirty(sure),
	}
}

// silentThirty are thirty phones on the connection, and two on another.
func silentThirty(p PhoneWant) Scenario {
	site := stubborn(32, mra.PhoneConfig{Pair: 1})
	site.Sets[30].Pair, site.Sets[31].Pair = 2, 2
	p.Shares = 29
	var all []int
	for i := range 30 {
		all = append(all, i)
	}
	return Scenario{Name: "silent-30", About: "the connection to CUCM falls silent under 30 phones", Site: site,
		Steps: []Step{step(between, mra.Event{Kind: mra.SilentDrop, Code: 408, Close: closedTimedOut, For: 4 * time.Minute})}, Want: partialOf(p.each(all...)...)}
}

// unansweredScenarios look like a silent connection and are something else.
func unansweredScenarios() []Scenario {
	deaf := harmed(1, mra.HopCUCM, wUnknown).say(saysToCUCM).neverSay(saysDropped)
	other := harmed(0, mra.HopToCUCM, wFailover).neverSay(saysDropped)
	blind := harmed(0, mra.HopToCUCM, wTCP, wUnknown).sure(wCannotTell, "").neverSay(saysDropped)
	blind.Verdict = words(wPartial, wCameBack, wUnknown)
	gone := PhoneWant{Story: `registered kept_alive( refused| dropped)*`, Verdict: words(wRefused, wUnknown), Never: words(wPartial, wCameBack, wRegistered, wLate, wRecovered),
		NoLateBy: true, NeverSay: words(saysPhoneLate, saysDelta, saysCameLate, saysHeldByC)}
	silent := mra.Event{Kind: mra.SilentDrop, Code: 408, Close: closedTimedOut, For: 4 * time.Minute}
	toOther := silent
	toOther.Node = "cucm02.example.com"
	short := silent
	short.For = 30 * time.Second
	forGood := silent
	forGood.For = 0
	often := stubborn(4, mra.PhoneConfig{Retry: 10 * time.Second})
	often.Delta = 60 * time.Second
	retried := mra.Event{Kind: mra.SilentDrop, Code: 408, For: 60 * time.Second}
	four := stubborn(4, mra.PhoneConfig{})
	return []Scenario{
		{Name: "deaf-one", About: "CUCM does not answer one phone, and others over the same connection at once", Site: four,
			Steps: []Step{step(between, mra.Event{Kind: mra.Deaf, Phone: 1, Code: 408, For: 4 * time.Minute})}, Want: partialOf(deaf)},
		{Name: "deaf-one-no-answer", About: "the same, and C answers nothing", Site: four,
			Steps: []Step{step(between, mra.Event{Kind: mra.Deaf, Phone: 1, For: 4 * time.Minute})}, Want: partialOf(deaf)},
		{Name: "silent-other-cucm", About: "the connection falls silent, and the one after it goes to another CUCM", Site: four,
			Steps: []Step{step(between, toOther)}, Want: partialOf(other.each(0, 2)...)},
		{Name: "silent-refused", About: "the connection falls silent, and then CUCM refuses connections for a minute", Site: four,
			Steps: []Step{step(between, silent), step(between+240, mra.Event{Kind: mra.NoConnection, For: time.Minute})}, Want: partialOf(other.each(0, 2)...)},
		{Name: "silent-hole", About: "the connection falls silent, and the log of C lacks the time in which answers could have come", Site: four, Steps: []Step{step(between, silent)},
			Holes: []Hole{{"expc01", 675 * time.Second, 860 * time.Second}}, Want: Want{Verdict: words(wPartial, wUnknown), Bodies: "yes", Phones: blind.each(0, 2), Others: well}},
		{Name: "silent-for-good", About: "the connection falls silent and stays so to the end of the logs", Site: four, Steps: []Step{step(between, forGood)},
			Want: Want{Verdict: words(wUnknown), Bodies: "yes", Phones: gone.each(0, 2), Others: well}},
		{Name: "silent-idle", About: "the connection falls silent and closes before a phone needs it: no harm", Site: four, Steps: []Step{step(between, short)},
			Want: healthyWithout(saysPartial)},
		{Name: "silent-retried", About: "phones with a cadence of 60 s repeat what was not answered in time: no harm", Site: often, Steps: []Step{step(635, retried)},
			Want: healthyOf(unharmed(0).told(`registered kept_alive refused( kept_alive refused)? kept_alive`).each(0, 2)...)},
	}
}

// healthyWithout is a healthy report that may tell of connections, yet not say some things.
func healthyWithout(never ...string) Want {
	p := well.never(wRecovered, wRefused, wTraversal, wFailover).neverSay(saysPhoneLate, saysDelta, saysCameLate, saysPartial)
	return Want{Verdict: words(wHealthy), Bodies: "yes", Others: p, NeverSay: never}
}
