package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// failoverScenarios are about nodes and peers that fail, and logins meanwhile.
func failoverScenarios() []Scenario {
	down := func(d time.Duration) Step { return step(572, mra.Event{Kind: mra.NodeDown, For: d}) }
	four := stubborn(4, mra.PhoneConfig{})
	away := harmed(0, mra.HopCUCM, wFailover).neverSay(saysDropped)
	restart := harmed(0, mra.HopCUCM, wFailover, wTCP)
	restart.NeverSay = words(saysPhoneLate, saysDelta, saysCameLate, saysHeldByC)
	over := func(story string, causes ...string) PhoneWant {
		p := back(0, story, causes...).neverSay(saysPhoneLate, saysDelta, saysPartial)
		p.Never = words(wPartial, wCameBack, wUnregistered, wLate)
		return p
	}
	refusedThen := over(`registered kept_alive (refused )+registered( kept_alive)?`, wFailover, wRefused, wUnknown)
	refusedThen.Phone = 1
	token := over(`registered kept_alive (refused (dropped )?)+registered( kept_alive)?`, wAuth, wFailover)
	token.Phone = 1
	expired := over(`registered kept_alive (refused (dropped )?)+registered( kept_alive)?`, wAuth)
	expired.Phone = 1
	moved := backAll([]int{0, 2, 4}, `registered kept_alive registered( kept_alive)?`, "", wPath)
	stuck := over(`registered kept_alive refused( refused)* registered( kept_alive)?`, wPath, wRefused, wUnknown)
	rest := over(`registered kept_alive (refused )+registered( kept_alive)?`, wFailover)
	recovered := func(p ...PhoneWant) Want {
		return Want{Verdict: words(wRecovered, wHealthy), Bodies: "yes", NeverSay: words(saysPartial), Phones: p, Others: well}
	}
	others := func(w Want, p PhoneWant) Want { w.Others = p; return w }
	return []Scenario{
		{Name: "failover-partial", About: "the primary CUCM is away for five minutes; phones repeat their keep-alives until it is back", Site: four, Steps: []Step{down(5 * time.Minute)},
			Want: Want{Verdict: words(wPartial), Bodies: "yes", Phones: away.each(0, 1, 2, 3)}},
		{Name: "cucm-restart", About: "the primary CUCM restarts between two keep-alives", Site: four, Steps: []Step{step(between, mra.Event{Kind: mra.NodeDown, For: 30 * time.Second})},
			Want: Want{Verdict: words(wPartial), Bodies: "yes", Phones: restart.each(0, 1, 2, 3)}},
		{Name: "failover-refused", About: "the primary CUCM fails, and the next one refuses a phone for two minutes", Steps: []Step{down(0), step(572, mra.Event{Kind: mra.Refuse, Phone: 1, For: 3 * time.Minute})},
			Want: others(recovered(refusedThen), rest)},
		{Name: "failover-token", About: "the primary CUCM fails while a phone's token is expired", Site: one(mra.PhoneConfig{Auth: mra.Bearer}), Steps: []Step{down(0), step(572, mra.Event{Kind: mra.BadToken, Phone: 1, For: 3 * time.Minute})},
			Want: others(recovered(token), rest)},
		{Name: "token-renewed", About: "a phone's token is expired for three minutes", Site: one(mra.PhoneConfig{Auth: mra.Bearer}), Steps: []Step{step(nextTurn, mra.Event{Kind: mra.BadToken, Phone: 1, For: 3 * time.Minute})},
			Want: recovered(expired)},
		{Name: "peer-failover-refused", About: "an Expressway-E stops, and CUCM refuses one of its phones for two minutes", Site: mra.SiteConfig{Phones: 6}, Steps: []Step{step(between, mra.Event{Kind: mra.PeerDown}), step(between, mra.Event{Kind: mra.Refuse, For: 2 * time.Minute})},
			Want: recovered(append([]PhoneWant{stuck}, moved[1:]...)...)},
	}
}
