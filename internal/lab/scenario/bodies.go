package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// bodyScenarios are about the bodies of CUCM's answers.
func bodyScenarios() []Scenario {
	lateOne := []Step{late(1, 15*time.Minute)}
	proved := gonePartial(1, wLate)
	proved.Blame = mra.HopPhone
	failed := PhoneWant{Phone: 1, Story: wellStory, Partial: true, Verdict: words(wPartial, wUnknown), Never: words(wRegistered, wRecovered, wLate, wTCP, wCameBack), NeverSay: words(saysAllLines, saysPhoneLate, saysDelta)}
	notCured := proved
	notCured.Story = `registered kept_alive dropped came_back_by_keepalive( kept_alive)? unregistered registered( kept_alive)?`
	notCured.Verdict, notCured.Cause, notCured.Confidence = words(wPartial, wUnknown), nil, nil
	notCured.Never = words(wRecovered, wRegistered, wTCP)
	return []Scenario{
		{Name: "answer-multipart", About: "cause A; answers to full REGISTERs have multipart bodies", Site: one(mra.PhoneConfig{Full: mra.FullRegister{Answer: mra.AnswerMultipart}}), Steps: lateOne, Want: partialOf(proved)},
		{Name: "answer-no-body", About: "answers to full REGISTERs have no bodies, and nothing happens", Site: one(mra.PhoneConfig{Full: mra.FullRegister{Answer: mra.AnswerBare}}), Want: healthyOf()},
		{Name: "answer-fails", About: "a full REGISTER is accepted, and the answer's body says that it failed for some lines", Site: one(mra.PhoneConfig{Full: mra.FullRegister{Answer: mra.AnswerFails}}),
			Want: Want{Verdict: words(wPartial, wUnknown), Bodies: "yes", Phones: []PhoneWant{failed}, Others: well}},
		{Name: "reset-fails", About: "cause A, then a reset whose full REGISTER fails for some lines", Steps: []Step{late(1, 10*time.Minute), {13 * time.Minute, mra.Event{Kind: mra.Answers, Phone: 1, Where: string(mra.AnswerFails)}}, {14 * time.Minute, mra.Event{Kind: mra.Reset, Phone: 1}}},
			Want: Want{Verdict: words(wPartial, wUnknown), Bodies: "yes", Phones: []PhoneWant{notCured}, Others: well}},
	}
}

// editedScenarios lack the requests of one phone, and nobody says so.
func editedScenarios() []Scenario {
	lateOne := []Step{late(1, 15*time.Minute)}
	edits := func(kind EditKind) []Edit {
		return []Edit{{Host: "expc02", Phone: 1, Kind: kind}, {Host: "expe02", Phone: 1, Kind: kind}}
	}
	answered := gonePartial(1, wLate)
	answered.Verdict, answered.Cause, answered.Confidence, answered.Blame = words(wPartial, wCameBack), words(wLate, wUnknown), nil, mra.HopPhone
	whole := well
	whole.Phone = 1
	cured := PhoneWant{Phone: 1, Story: `registered kept_alive dropped came_back_by_keepalive( kept_alive)? unregistered registered( kept_alive)?`, Blame: mra.HopPhone,
		Verdict: words(wRecovered), Never: words(wPartial, wTCP, wUnregistered)}
	some := Want{Verdict: words(wPartial), Phones: []PhoneWant{answered}, Others: well, NeverSay: words(`(?i)bodies were not logged`)}
	fine := Want{Verdict: words(wHealthy), Phones: []PhoneWant{whole}, Others: well}
	reset := append([]Step{late(1, 10*time.Minute)}, Step{14 * time.Minute, mra.Event{Kind: mra.Reset, Phone: 1}})
	return []Scenario{
		{Name: "no-requests", About: "cause A; of the phone's REGISTERs only the answers are in the logs", Steps: lateOne, Edits: edits(NoRequests), Want: some},
		{Name: "no-bodies", About: "cause A; the bodies of the phone's REGISTERs were not logged, those of the answers were", Steps: lateOne, Edits: edits(NoBodies), Want: some},
		{Name: "cut-bodies", About: "cause A; the bodies of the phone's REGISTERs end after a few headers", Steps: lateOne, Edits: edits(CutBodies), Want: some},
		{Name: "cut-bodies-well", About: "the bodies of a phone's REGISTERs end after a few headers, and nothing happens", Edits: edits(CutBodies), Want: fine},
		{Name: "no-bodies-well", About: "the bodies of a phone's REGISTERs were not logged, those of the answers were, and nothing happens", Edits: edits(NoBodies), Want: fine},
		{Name: "cut-bodies-reset", About: "cause A and a reset; the bodies of the phone's REGISTERs end after a few headers", Steps: reset, Edits: edits(CutBodies),
			Want: Want{Verdict: words(wRecovered), Phones: []PhoneWant{cured}, Others: well}},
	}
}
