package scenario

import (
	"time"

	"rtmtgrab/internal/lab/mra"
)

// connectionScenarios are about cause B, the traversal zone and CUCM itself.
func connectionScenarios() []Scenario {
	thirty := make([]mra.PhoneConfig, 32)
	var gone []PhoneWant
	for i := range thirty {
		if thirty[i].Pair = 1; i >= 30 {
			thirty[i].Pair = 2
			continue
		}
		p := gonePartial(i, wTCP)
		p.Shares = 29
		gone = append(gone, p)
	}
	zone := backAll([]int{0, 2}, `registered kept_alive refused( dropped)?( refused)?( dropped)?( refused)? registered( kept_alive)?`, wTraversal)
	for i := range zone { // a keep-alive that met the closed zone is refused, for a while
		zone[i].Never = words(wPartial, wCameBack, wUnregistered, wTCP, wFailover)
	}
	stubborn := gonePartial(4, wTraversal)
	stubborn.Story = `registered kept_alive refused dropped( refused)? came_back_by_keepalive( kept_alive)?`
	over := backAll([]int{0, 1, 2, 3}, `registered kept_alive refused( refused)? registered( kept_alive)?`, wFailover)
	again := backAll([]int{0, 1, 2, 3}, `registered kept_alive refused registered( kept_alive)?( unregistered registered)?( kept_alive)?`, wFailover)
	return []Scenario{
		{Name: "tcp-30", About: "cause B: a connection to CUCM closes under 30 phones", Site: mra.SiteConfig{Phones: 32, Sets: thirty},
			Steps: []Step{{15 * time.Minute, mra.Event{Kind: mra.DropTCP}}}, Want: Want{Verdict: words(wPartial), Bodies: "yes", Phones: gone, Others: well}},
		{Name: "tcp-and-late", About: "causes A and B at once, at different peers", Steps: []Step{{16 * time.Minute, mra.Event{Kind: mra.DropTCP}}, late(1, 15*time.Minute)},
			Want: Want{Verdict: words(wPartial), Bodies: "yes", Phones: []PhoneWant{gonePartial(0, wTCP), gonePartial(1, wLate), gonePartial(2, wTCP)}, Others: well}},
		{Name: "zone-down", About: "a traversal zone is down for a minute; a stubborn phone goes partial", Site: mra.SiteConfig{Phones: 6, Sets: []mra.PhoneConfig{4: {Stubborn: true}}},
			Steps: []Step{{572 * time.Second, mra.Event{Kind: mra.ZoneDown, For: time.Minute}}},
			Want:  Want{Verdict: words(wPartial), Bodies: "yes", Phones: append(zone, stubborn), Others: well}},
		{Name: "cucm-failover", About: "the primary CUCM answers no more; the phones register with the secondary", Steps: []Step{{572 * time.Second, mra.Event{Kind: mra.NodeDown}}},
			Want: Want{Verdict: words(wRecovered, wHealthy), Bodies: "yes", Phones: over}},
		{Name: "cucm-failback", About: "the primary CUCM is away for five minutes", Steps: []Step{{572 * time.Second, mra.Event{Kind: mra.NodeDown, For: 5 * time.Minute}}},
			Want: Want{Verdict: words(wRecovered, wHealthy), Bodies: "yes", Phones: again}},
	}
}

// refusedScenarios are about answers that say no.
func refusedScenarios() []Scenario {
	want := func(story string, causes ...string) Want {
		return Want{Verdict: words(wUnknown), Bodies: "yes", Others: well, Phones: []PhoneWant{{Phone: 1, Story: story, Verdict: words(wRefused), Cause: causes,
			Never: words(wPartial, wCameBack, wRegistered, wLate, wTCP, wUnregistered)}}}
	}
	return []Scenario{
		{Name: "refused-403", About: "CUCM answers a phone with 403, Warning and Retry-After", Steps: []Step{{0, mra.Event{Kind: mra.Refuse, Phone: 1}}}, Want: want(`refused`, wRefused)},
		{Name: "refused-503", About: "Expressway-C answers a phone with a 503 of its own", Steps: []Step{{8 * time.Minute, mra.Event{Kind: mra.Busy, Phone: 1}}}, Want: want(refusedStory, wRefused, wUnknown)},
		{Name: "refused-token", About: "a phone's OAuth token expired", Site: mra.SiteConfig{Sets: []mra.PhoneConfig{1: {Auth: mra.Bearer}}},
			Steps: []Step{{8 * time.Minute, mra.Event{Kind: mra.BadToken, Phone: 1}}}, Want: want(refusedStory, wAuth)},
	}
}

// healthyScenarios are those in which nobody goes partial.
func healthyScenarios() []Scenario {
	healthy := func(p ...PhoneWant) Want {
		return Want{Verdict: words(wHealthy), Bodies: "yes", Phones: p, Others: well.never(wUnregistered, wRefused, wRecovered)}
	}
	alerted := healthy()
	alerted.Notes = words(`(?i)on-premises`)
	rebound := well
	rebound.Phone, rebound.Cause = 1, words("", wPath)
	left := PhoneWant{Phone: 1, Story: `registered kept_alive unregistered`, Verdict: words(wUnregistered), Cause: words("", wReset, wUnknown), Never: words(wPartial, wCameBack, wLate, wTCP, wRefused)}
	short := Want{Verdict: words(wUnknown), Bodies: "yes", Notes: words(`(?i)short|two keep-alives`), Others: unseen()}
	before := Want{Verdict: words(wUnknown), Bodies: "yes", Others: unseen().never(wUnregistered, wRefused, wRecovered)}
	return []Scenario{
		{Name: "healthy", About: "nothing happens", Site: mra.SiteConfig{Phones: 6}, Want: healthy()},
		{Name: "healthy-alert", About: "nothing happens here, yet an alert came", Site: mra.SiteConfig{Phones: 6}, Alert: 15 * time.Minute, Want: alerted},
		{Name: "healthy-info", About: "nothing happens, logged at INFO", Level: "INFO", Want: Want{Verdict: words(wHealthy, wUnknown), Bodies: "no", Notes: words(`(?i)bodies`), Others: quiet}},
		{Name: "healthy-secondary", About: "keep-alives to the secondary look like unregisters", Before: 10 * time.Minute, Site: mra.SiteConfig{Phones: 2}, Want: before},
		{Name: "healthy-ha", About: "phones hold two registrations, each over a path of its own", Site: mra.SiteConfig{Sets: []mra.PhoneConfig{{HA: true}, {HA: true}}},
			Want: Want{Verdict: words(wHealthy), Bodies: "yes", Others: well.never(wPath, wRecovered, wUnregistered)}},
		{Name: "nat-rebinding", About: "a phone's source port changes, its keep-alives go on", Steps: []Step{{9 * time.Minute, mra.Event{Kind: mra.Rebind, Phone: 1}}}, Want: healthy(rebound)},
		{Name: "unregistered", About: "a phone unregisters by itself", Steps: []Step{{9 * time.Minute, mra.Event{Kind: mra.Leave, Phone: 1}}},
			Want: Want{Verdict: words(wHealthy, wUnknown), Bodies: "yes", Phones: []PhoneWant{left}, Others: well}},
		{Name: "short", About: "the logs hold no two keep-alives of a phone", Before: 20 * time.Minute, Length: 100 * time.Second, Want: short},
	}
}

// movedScenarios are those in which phones register all their lines again.
func movedScenarios() []Scenario {
	want := func(p ...PhoneWant) Want {
		return Want{Verdict: words(wRecovered, wHealthy), Bodies: "yes", Phones: p, Others: well}
	}
	const restarted = `registered kept_alive unregistered registered( kept_alive)?`
	var resets []Step
	for i, alarm := range []int{20, 22, 23} {
		resets = append(resets, Step{time.Duration(8+2*i) * time.Minute, mra.Event{Kind: mra.Reset, Phone: i, Alarm: alarm}})
	}
	return []Scenario{
		{Name: "extension-mobility", About: "a user logs in at a phone and out again", Steps: []Step{{6 * time.Minute, mra.Event{Kind: mra.UserLogin, Phone: 1, User: "asmith"}}, {13 * time.Minute, mra.Event{Kind: mra.UserLogout, Phone: 1}}},
			Want: want(back(1, `registered kept_alive unregistered registered kept_alive unregistered registered( kept_alive)?`, "", wReset))},
		{Name: "resets", About: "the user (20) and CUCM (22, 23) reset phones", Steps: resets, Want: want(backAll([]int{0, 1, 2}, restarted, "", wReset)...)},
		{Name: "peer-failover", About: "an Expressway-E stops; its phones move to another pair", Site: mra.SiteConfig{Phones: 6}, Steps: []Step{{8 * time.Minute, mra.Event{Kind: mra.PeerDown}}},
			Want: want(backAll([]int{0, 2, 4}, `registered kept_alive registered( kept_alive)?`, "", wPath)...)},
		{Name: "full-after-silence", About: "a phone is cut off for four minutes and registers all lines", Steps: []Step{{9 * time.Minute, mra.Event{Kind: mra.Silence, Phone: 1, For: 4 * time.Minute}}},
			Want: want(back(1, `registered kept_alive dropped registered( kept_alive)?`, "", wUnknown))},
	}
}

// blindScenarios lack some of the logs.
func blindScenarios() []Scenario {
	fromC := gonePartial(1, wLate).lateBy(19, 137).never("between E and C")
	fromE := gonePartial(1, wLate)
	fromE.Cause, fromE.Verdict = words(wLate, wUnknown), words(wPartial, wCameBack)
	dropped := func(phone int) PhoneWant {
		return PhoneWant{Phone: phone, Story: partialStory, Partial: true, Verdict: words(wPartial, wCameBack), Cause: words(wUnknown), Never: words(wLate, wTCP, wRecovered)}
	}
	dropInfo := PhoneWant{Story: partialStory, Partial: true, Verdict: words(wRegistered, wUnknown, wCameBack), Cause: words("", wUnknown, wTCP), Confidence: words(wCannotTell, wLikely), Never: words(wPartial, wLate)}
	dropInfo2 := dropInfo
	dropInfo2.Phone = 2
	gone := PhoneWant{Phone: 0, Story: `registered kept_alive registered( kept_alive)?`, Verdict: words(wRegistered, wUnknown), Cause: words("", wUnknown, wPath), Confidence: words(wCannotTell, wLikely),
		Never: words(wPartial, wCameBack, wUnregistered, wLate, wTCP)}
	bodies := func(w Want) Want { w.Bodies = "yes"; return w }
	return []Scenario{
		{Name: "no-e-logs", About: "cause A; nothing from the E peers", LeaveOut: words("expe01", "expe02"), Steps: []Step{late(1, 15*time.Minute)},
			Want: bodies(Want{Verdict: words(wPartial), Phones: []PhoneWant{fromC}, Others: well})},
		{Name: "no-c-logs", About: "cause A; nothing from the C peers", LeaveOut: words("expc01", "expc02"), Steps: []Step{late(1, 15*time.Minute)},
			Want: bodies(Want{Verdict: words(wPartial, wUnknown), Phones: []PhoneWant{fromE.never("between C and CUCM")}, Others: quiet})},
		{Name: "no-c-logs-tcp", About: "cause B; nothing from the C peers, which alone show the connection", LeaveOut: words("expc01", "expc02"), Steps: []Step{{15 * time.Minute, mra.Event{Kind: mra.DropTCP}}},
			Want: bodies(Want{Verdict: words(wPartial, wUnknown), Phones: []PhoneWant{dropped(0), dropped(2)}, Others: quiet})},
		{Name: "tcp-info", About: "cause B, logged at INFO: nothing shows it", Level: "INFO", Steps: []Step{{15 * time.Minute, mra.Event{Kind: mra.DropTCP}}},
			Want: Want{Verdict: words(wHealthy, wUnknown), Bodies: "no", Notes: words(`(?i)bodies`), Phones: []PhoneWant{dropInfo, dropInfo2}, Others: quiet}},
		{Name: "peer-missing", About: "cause A through an Expressway-C whose log is missing", LeaveOut: words("expc02"), Steps: []Step{late(1, 15*time.Minute)},
			Want: bodies(Want{Verdict: words(wPartial, wUnknown), Notes: words(`(?i)10\.0\.30\.3|expc02`), Phones: []PhoneWant{fromE.never("between C and CUCM")}, Others: quiet})},
		{Name: "moved-to-missing", About: "a phone moves to peers whose logs are missing", LeaveOut: words("expc02", "expe02"), Steps: []Step{{9 * time.Minute, mra.Event{Kind: mra.Move}}},
			Want: bodies(Want{Verdict: words(wHealthy, wUnknown), Phones: []PhoneWant{gone}, Others: quiet})},
	}
}
