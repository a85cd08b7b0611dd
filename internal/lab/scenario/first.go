package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// infoScenarios are logged at INFO.
func infoScenarios() []Scenario {
	info := func(name, about string, site mra.SiteConfig, w Want, steps ...Step) Scenario {
		return Scenario{Name: name, About: about, Level: "INFO", Site: site, Steps: steps, Want: w}
	}
	port := info("info-port", "cause B at INFO: C's local port to CUCM changes for all phones at once", mra.SiteConfig{Phones: 6}, Want{Verdict: words(wUnknown), Bodies: "no", Notes: words(`(?i)\bport`)}, step(900, mra.Event{Kind: mra.DropTCP}))
	moved := PhoneWant{Story: partialStory, Partial: true, Blame: mra.HopToCUCM, Verdict: words(wRegistered, wUnknown, wCameBack), Cause: words("", wUnknown, wTCP), Never: words(wPartial, wLate),
		NeverSay: words(saysPhoneLate, saysDelta, saysCameLate, saysPartial)}
	port.Pairs, port.Want.Others = 1, moved
	silent := moved.told(harmedStory)
	silent.Never = words(wPartial, wLate, wRecovered)
	calm := Want{Verdict: words(wUnknown, wHealthy), Bodies: "no", Others: quiet.neverSay(saysPhoneLate, saysDelta, saysCameLate, saysPartial), NeverSay: words(`(?i)(changed|another|new) (local )?port`)}
	return []Scenario{
		port,
		info("info-silent", "the connection to CUCM falls silent, logged at INFO", stubborn(4, mra.PhoneConfig{}),
			Want{Verdict: words(wUnknown), Bodies: "no", Phones: silent.each(0, 2), Others: quiet}, step(between, mra.Event{Kind: mra.SilentDrop, Code: 408, Close: closedTimedOut, For: 4 * time.Minute})),
		info("info-jitter", "keep-alives at INFO whose cadence changes: nothing is to be said", mra.SiteConfig{}, calm, step(between, mra.Event{Kind: mra.Cadence, Phone: 1, For: 100 * time.Second})),
	}
}

// firstScenarios are about the first REGISTER of a phone in the logs.
func firstScenarios() []Scenario {
	const half = 30 * time.Minute
	const saysCameBack = `(?i)came back|by keep-alive`
	first := fine().neverSay(saysCameBack)
	first.Phone = 1
	booted := Want{Verdict: words(wHealthy), Bodies: "yes", NeverSay: words(saysCameBack), Phones: []PhoneWant{first}, Others: fine()}
	high := cameBack(1, mra.HopPhone, wUnknown, wLate)
	high.Partial, high.Confidence = true, words(wLikely, wCannotTell)
	low := PhoneWant{Phone: 1, Story: `registered_plain( kept_alive)?`, Verdict: words(wUnknown), Never: words(wPartial, wCameBack, wLate, wTCP), NeverSay: words(saysPartial, saysPhoneLate, saysDelta)}
	return []Scenario{
		{Name: "first-bulk", About: "a phone registers for the first time in the middle of the logs", Site: one(mra.PhoneConfig{Boots: 9 * time.Minute}), Want: booted},
		{Name: "first-reason", About: "a phone with one line registers for the first time: no bulk body, yet a Reason", Site: one(mra.PhoneConfig{Boots: 9 * time.Minute, Lines: 1}), Want: booted},
		{Name: "first-record-high", About: "a phone's first record is a keep-alive that is taken for a new registration; its CSeq is high", Before: half, Site: one(mra.PhoneConfig{CSeq: 1170}), Steps: []Step{late(1, 60*time.Second)},
			Want: Want{Verdict: words(wPartial, wUnknown), Bodies: "yes", Phones: []PhoneWant{high}, Others: unseen()}},
		{Name: "first-record-low", About: "a phone's first record is a REGISTER without a body that is a new registration; its CSeq is that of a first one",
			Site: one(mra.PhoneConfig{Boots: 9 * time.Minute, Lines: 1, Full: mra.FullRegister{Bare: true}, CSeq: 100}), Want: Want{Verdict: words(wUnknown), Bodies: "yes", NeverSay: words(saysCameBack), Phones: []PhoneWant{low}, Others: fine()}},
	}
}

// shortScenarios have logs too short for one keep-alive.
func shortScenarios() []Scenario {
	const half = 1720 * time.Second // 15 keep-alives, so that the next is in the logs
	const saysShort = `(?i)short|less than|two keep-alives|no keep-alive`
	back := cameBack(1, mra.HopPhone, wUnknown, wLate)
	back.Partial, back.Verdict = true, words(wCameBack, wUnknown)
	return []Scenario{
		{Name: "short-40s", About: "the logs hold 40 s", Before: half, Length: 40 * time.Second, Want: Want{Verdict: words(wUnknown), Say: words(saysShort), Others: unseen()}},
		{Name: "short-newreg", About: "the logs hold 60 s, and in them a phone comes back by keep-alive", Before: half, Length: time.Minute, Steps: []Step{late(1, 30*time.Second)},
			Want: Want{Verdict: words(wPartial, wUnknown), Say: words(saysShort), Phones: []PhoneWant{back}, Others: unseen()}},
	}
}
