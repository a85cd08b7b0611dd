package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// lineScenarios are about how many lines a phone has.
func lineScenarios() []Scenario {
	lateOne := []Step{late(1, 15*time.Minute)}
	drop := []Step{{15 * time.Minute, mra.Event{Kind: mra.DropTCP, Phone: 1}}}
	oneLine := mra.SiteConfig{Lines: 1}
	for range 4 {
		oneLine.Sets = append(oneLine.Sets, mra.PhoneConfig{Full: mra.FullRegister{Bulk: true}})
	}
	some := func(p ...PhoneWant) Want {
		return Want{Verdict: words(wPartial), Bodies: "yes", Say: words(`(?i)keep-alive`), NeverSay: words(saysPartial), Phones: p, Others: well}
	}
	unproved := cameBack(1, mra.HopPhone, wLate).neverSay(`(?i)though it has more`)
	unproved.Partial, unproved.Verdict, unproved.Never = true, words(wCameBack), words(wPartial, wTCP)
	proved := gonePartial(1, wLate)
	proved.Blame = mra.HopPhone
	again := PhoneWant{Phone: 1, Story: `registered registered_line kept_alive dropped came_back_by_keepalive registered_line( kept_alive)?`, Blame: mra.HopPhone, Verdict: words(wRecovered, wRegistered),
		Never: words(wPartial, wCameBack, wTCP), NeverSay: words(saysPartial)}
	afterDrop := again
	afterDrop.Blame, afterDrop.Never = mra.HopToCUCM, words(wPartial, wCameBack, wLate)
	oneByOne := well
	oneByOne.Phone, oneByOne.Story = 1, `registered registered_line( kept_alive)?`
	once := proved
	once.Story = `registered registered_line kept_alive dropped came_back_by_keepalive( kept_alive)?`
	lines := func(c mra.PhoneConfig) mra.SiteConfig {
		c.Full.OneByOne, c.Lines = true, 3
		return one(c)
	}
	given := Want{Verdict: words(wRecovered, wHealthy), Bodies: "yes", NeverSay: words(saysPartial), Others: well}
	with := func(w Want, p PhoneWant) Want { w.Phones = []PhoneWant{p}; return w }
	dropped := cameBack(1, mra.HopToCUCM, wTCP)
	named := proved
	named.Verdict = words(wPartial, wCameBack)
	return []Scenario{
		{Name: "one-line-bulk", About: "a phone with one line whose full REGISTER has a bulk body comes back by keep-alive", Site: oneLine, Steps: lateOne, Want: some(cameBack(1, mra.HopPhone, wLate))},
		{Name: "one-line-bulk-tcp", About: "cause B under phones with one line whose full REGISTER has a bulk body", Site: oneLine, Steps: drop, Want: some(dropped.each(1, 3)...)},
		{Name: "lines-unproved", About: "cause A: the bulk body alone tells of the phone's lines", Site: one(mra.PhoneConfig{Full: mra.FullRegister{Unseen: true}}), Steps: lateOne, Want: some(unproved)},
		{Name: "lines-named", About: "cause A: the bulk body and the alert, which names the phone, tell of its lines", Site: one(mra.PhoneConfig{Full: mra.FullRegister{Unseen: true}}), Steps: lateOne, Alert: 16 * time.Minute, Names: []int{1},
			Want: partialOf(named)},
		{Name: "one-line-alert", About: "a phone with one line comes back by keep-alive, and an alert came that names nobody", Site: oneLine, Steps: lateOne, Alert: 16 * time.Minute,
			Want: some(cameBack(1, mra.HopPhone, wLate))},
		{Name: "lines-notify", About: "cause A: NOTIFYs tell of the phone's two numbers", Steps: lateOne, Want: partialOf(proved)},
		{Name: "lines-listed", About: "cause A: the answer to the bulk REGISTER lists the numbers", Site: one(mra.PhoneConfig{Full: mra.FullRegister{Unseen: true, Answer: mra.AnswerLists}}), Steps: lateOne, Want: partialOf(proved)},
		{Name: "lines-registered", About: "cause A: the phone registered its other numbers one by one, once", Site: lines(mra.PhoneConfig{Full: mra.FullRegister{Unseen: true, OnlyOnce: true}}), Steps: lateOne, Want: partialOf(once)},
		{Name: "one-by-one-late", About: "a phone is late, and registers its other numbers one by one within a second", Site: lines(mra.PhoneConfig{}), Steps: lateOne, Want: with(given, again)},
		{Name: "one-by-one-tcp", About: "cause B under a phone that registers its other numbers one by one within a second", Site: func() mra.SiteConfig { s := lines(mra.PhoneConfig{}); s.Phones = 2; return s }(), Steps: drop,
			Want: with(given, afterDrop)},
		{Name: "one-by-one", About: "a phone registers its numbers one by one, and nothing happens", Site: lines(mra.PhoneConfig{}), Want: Want{Verdict: words(wHealthy), Bodies: "yes", Phones: []PhoneWant{oneByOne}, Others: well}},
	}
}

// jabberScenarios are about devices that register one line.
func jabberScenarios() []Scenario {
	site := mra.SiteConfig{Lines: 1}
	for _, d := range []string{"CSFASMITH", "TCTASMITH", "BOTBJONES", "TABBJONES"} {
		site.Sets = append(site.Sets, mra.PhoneConfig{Device: d, Full: mra.FullRegister{Bulk: true}, User: "u" + d[3:]})
	}
	either := words(wPartial, wHealthy, wRecovered, wUnknown)
	jabber := func(blame mra.Hop, cause string) PhoneWant {
		p := cameBack(0, blame, cause)
		p.Verdict = words(wCameBack, wRegistered, wRecovered)
		return p
	}
	two := jabber(mra.HopPhone, wLate)
	two.Partial, two.Verdict, two.Never, two.NeverSay = true, words(wPartial, wCameBack), words(wTCP), words(saysHeldByC)
	twoLines := mra.SiteConfig{Sets: []mra.PhoneConfig{{Device: "CSFASMITH", Full: mra.FullRegister{Unseen: true}}}}
	drops := []Step{{15 * time.Minute, mra.Event{Kind: mra.DropTCP}}, {15 * time.Minute, mra.Event{Kind: mra.DropTCP, Phone: 1}}}
	return []Scenario{
		{Name: "jabber-late", About: "Jabber for Windows is late: it has one line", Site: site, Steps: []Step{late(0, 15*time.Minute)},
			Want: Want{Verdict: either, Bodies: "yes", NeverSay: words(saysPartial), Phones: []PhoneWant{jabber(mra.HopPhone, wLate)}, Others: well}},
		{Name: "jabber-tcp", About: "cause B under CSF, TCT, BOT and TAB devices", Site: site, Steps: drops,
			Want: Want{Verdict: either, Bodies: "yes", NeverSay: words(saysPartial), Phones: jabber(mra.HopToCUCM, wTCP).each(0, 1, 2, 3)}},
		{Name: "jabber-named", About: "Jabber for Windows with two lines is late, and the alert names it", Site: twoLines, Steps: []Step{late(0, 15*time.Minute)}, Alert: 16 * time.Minute, Names: []int{0},
			Want: Want{Verdict: words(wPartial), Bodies: "yes", Phones: []PhoneWant{two}, Others: well}},
		{Name: "jabber-healthy", About: "CSF, TCT, BOT and TAB devices, and nothing happens", Site: site, Want: healthyOf()},
	}
}
