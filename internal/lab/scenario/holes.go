package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// holeScenarios lack a span of a log, as their manifests say.
func holeScenarios() []Scenario {
	const saysMissing = `(?i)missing|lack|not (known|covered|whole|complete)|cannot be (said|told)|hole`
	at := func(host string, from, to int) []Hole {
		return []Hole{{host, time.Duration(from) * time.Second, time.Duration(to) * time.Second}}
	}
	blind := gonePartial(1, wLate).neverSay(saysPhoneLate, saysCameLate, saysHeldByC, saysDropped).say(saysMissing)
	blind.Verdict, blind.Cause, blind.Confidence, blind.Blame = words(wPartial, wCameBack, wUnknown), words(wUnknown, wLate), nil, mra.HopPhone
	blind = blind.sure(wCannotTell, "")
	elsewhere, noE := blind, blind
	elsewhere.Say, noE.Say = nil, nil
	elsewhere.CauseConfidence, elsewhere.NeverSay = words(wCannotTell, wLikely, ""), words(saysHeldByC, saysDropped)
	noE.Cause, noE.CauseConfidence = words(wLate, wUnknown), nil
	noE.NeverSay = words(saysPhoneLate, saysHeldByC, saysDropped)
	tcp := gonePartial(0, wTCP).sure(wCannotTell, "").neverSay(saysPhoneLate, saysCameLate, saysHeldByC)
	tcp.Verdict, tcp.Cause, tcp.Confidence, tcp.Blame = words(wPartial, wCameBack, wUnknown), words(wTCP, wUnknown), nil, mra.HopToCUCM
	cured := PhoneWant{Phone: 1, Story: `registered kept_alive dropped came_back_by_keepalive( kept_alive)? unregistered registered( kept_alive)?`, Blame: mra.HopPhone,
		Verdict: words(wUnknown, wRecovered, wRegistered), Never: words(wPartial, wTCP, wUnregistered), NeverSay: words(saysPartial)}
	reset := []Step{late(1, 10*time.Minute), {14 * time.Minute, mra.Event{Kind: mra.Reset, Phone: 1}}}
	calm := quiet.never(wRefused, wUnregistered, wRecovered).neverSay(saysPhoneLate, saysCameLate, saysDropped, saysPartial)
	some := func(p ...PhoneWant) Want {
		return Want{Verdict: words(wPartial, wUnknown), Bodies: "yes", Phones: p, Others: calm}
	}
	none := Want{Verdict: words(wUnknown), Bodies: "yes", Others: calm}
	slight := none
	slight.Verdict = words(wUnknown, wHealthy)
	lateOne := []Step{late(1, 15*time.Minute)}
	return []Scenario{
		{Name: "hole-c", About: "cause A, and the log of C lacks the time before the late keep-alive", Steps: lateOne, Holes: at("expc02", 780, 898), Want: some(blind)},
		{Name: "hole-e", About: "cause A, and the log of E lacks the time before the late keep-alive", Steps: lateOne, Holes: at("expe02", 780, 898), Want: some(noE)},
		{Name: "hole-both", About: "cause A, and the logs of C and E lack the time before the late keep-alive", Steps: lateOne, Holes: append(at("expc02", 780, 898), at("expe02", 780, 898)...), Want: some(blind)},
		{Name: "hole-other-c", About: "cause A, and the log of the other C lacks that time: the phone may have been there", Steps: lateOne, Holes: at("expc01", 780, 898), Want: some(elsewhere)},
		{Name: "hole-tcp", About: "cause B, and the log of C lacks the time of the close", Steps: []Step{{15 * time.Minute, mra.Event{Kind: mra.DropTCP}}}, Holes: at("expc01", 870, 915), Want: some(tcp.each(0, 2)...)},
		{Name: "hole-reset", About: "cause A, and the logs lack the reset that cured it", Steps: reset, Holes: append(at("expc02", 830, 880), at("expe02", 830, 880)...),
			Want: Want{Verdict: words(wUnknown, wRecovered), Bodies: "yes", Phones: []PhoneWant{cured}, Others: calm}},
		{Name: "hole-healthy", About: "nothing happens, and the log of C lacks three minutes", Holes: at("expc02", 600, 780), Want: none},
		{Name: "hole-slight", About: "nothing happens, and the log of C lacks 20 s between two keep-alives", Holes: at("expc02", 645, 665), Want: slight},
	}
}

// edgeScenarios are those in which the window cuts what matters.
func edgeScenarios() []Scenario {
	const half = 30 * time.Minute
	cut := gonePartial(1, wLate)
	cut.Verdict, cut.Cause, cut.Confidence, cut.Blame = words(wCameBack, wPartial), words(wUnknown, wLate), nil, mra.HopPhone
	open := gonePartial(1, wLate)
	open.Story = `registered kept_alive dropped came_back_by_keepalive`
	open.Verdict, open.Cause, open.Confidence, open.Never, open.Blame = words(wUnknown, wRegistered), nil, nil, words(wPartial, wCameBack, wRefused, wRecovered), mra.HopPhone
	open.NeverSay = words(saysPartial)
	before := unseen().never(wRefused, wRecovered, wUnregistered)
	gone := before
	gone.Phone, gone.Story, gone.Partial, gone.Blame = 1, partialStory, true, mra.HopPhone
	past := Want{Verdict: words(wUnknown), Bodies: "yes", Say: words(`(?i)\blines\b`), Phones: []PhoneWant{gone}, Others: before}
	early := []Step{late(1, -10*time.Minute)}
	return []Scenario{
		{Name: "edge-begin", About: "cause A: the late keep-alive is just before the logs' beginning, its answer in them", Before: half,
			Steps: []Step{late(1, -200*time.Millisecond), {-time.Second, mra.Event{Kind: mra.Slow, Phone: 1, For: time.Second}}},
			Want:  Want{Verdict: words(wPartial, wUnknown), Bodies: "yes", Phones: []PhoneWant{cut}, Others: before}},
		{Name: "edge-end", About: "cause A: the late keep-alive is the last of the logs, its answer after them",
			Steps: []Step{late(1, 20*time.Minute-500*time.Millisecond), {20*time.Minute - time.Second, mra.Event{Kind: mra.Slow, Phone: 1, For: 3 * time.Second}}},
			Want:  Want{Verdict: words(wUnknown, wHealthy), Bodies: "yes", Phones: []PhoneWant{open}, Others: well}},
		{Name: "before-alert", About: "a phone went partial ten minutes before the logs begin, and an alert came", Before: half, Alert: 2 * time.Minute, Steps: early, Want: past},
		{Name: "before", About: "a phone went partial ten minutes before the logs begin, and nobody says so", Before: half, Steps: early, Want: past},
		{Name: "before-well", About: "the phones registered before the logs begin, and nothing happens", Before: half, Want: Want{Verdict: words(wUnknown), Bodies: "yes", Say: words(`(?i)\blines\b`), Others: before}},
	}
}
