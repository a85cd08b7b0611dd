package scenario

import (
	"slices"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// Stories of phones that had trouble.
const (
	harmedStory   = `registered kept_alive( refused| dropped)* came_back_by_keepalive( kept_alive)?`
	harmlessStory = `registered kept_alive( refused kept_alive)?`
)

// Sentences that are wrong of a phone whose first attempt was in time.
const (
	saysPhoneLate = `(?i)the phone( itself)? (had )?sent (it|its (first )?(keep-alive|REGISTER)) (too )?late`
	saysCameLate  = `(?i)\b(it|keep-alive|REGISTER) came (too )?late\b|reached CUCM too late`
	saysDelta     = `(?i)\b(set|raise|increase)\b[^.]*Timer Register Delta`
	saysHeldByC   = `(?i)(Expressway-C|\bC\b) held it up|received it in time and sent it on late`
	saysDropped   = `(?i)connection [^.]*\b(dropped|broke|was cut)\b`
	saysPartial   = `(?i)\bis partially registered\b`
	saysAllLines  = `(?i)\b(has|with|registered) all (of )?its lines`
	saysFailover  = `(?i)CUCM (node )?(failed|was restarted)`
)

// Places as sentences name them.
const (
	saysToCUCM = `(?i)between (Expressway-)?C and CUCM|CUCM itself|connection|did not answer|no answer|unanswered`
	saysEToC   = `(?i)between (Expressway-)?E and (Expressway-)?C|between (Expressway-)?C and (Expressway-)?E|travers|never (came|arrived)|not (received|arrive)`
)

// The places of late_at.
const (
	wBeforeE = "before E"
	wEToC    = "between E and C"
	wInC     = "in C"
	wToCUCM  = "between C and CUCM"
)

// harmed is a phone that came back by keep-alive with one line of several, though its
// first attempt was in time.
func harmed(phone int, blame mra.Hop, causes ...string) PhoneWant {
	p := PhoneWant{Phone: phone, Story: harmedStory, Partial: true, Blame: blame, Verdict: words(wPartial), Cause: causes, NoLateBy: true,
		NeverSay: words(saysPhoneLate, saysDelta, saysCameLate)}
	for _, c := range []string{wLate, wTCP, wTraversal, wPath, wFailover, wAuth, wReset} {
		if !slices.Contains(causes, c) {
			p.Never = append(p.Never, c)
		}
	}
	switch blame {
	case mra.HopToCUCM, mra.HopCUCM:
		p.LateAt = words("", wToCUCM)
	case mra.HopEToC, mra.HopInE:
		p.LateAt = words("", wEToC)
	case mra.HopC:
		p.LateAt = words("", wInC)
	case mra.HopE, mra.HopPhone:
		p.LateAt = words("", wBeforeE)
	}
	if blame != mra.HopC {
		p.NeverSay = append(p.NeverSay, saysHeldByC)
	}
	return p
}

// each is the same wanted of several phones.
func (p PhoneWant) each(phones ...int) []PhoneWant {
	var out []PhoneWant
	for _, i := range phones {
		p.Phone = i
		out = append(out, p)
	}
	return out
}

// sure adds how certain the cause may be called.
func (p PhoneWant) sure(confidences ...string) PhoneWant {
	p.CauseConfidence = confidences
	return p
}

// at adds the places that may be named.
func (p PhoneWant) at(places ...string) PhoneWant {
	p.LateAt = places
	return p
}

// say adds what must be said.
func (p PhoneWant) say(res ...string) PhoneWant {
	p.Say = append(slices.Clone(p.Say), res...)
	return p
}

// neverSay adds what must not be said.
func (p PhoneWant) neverSay(res ...string) PhoneWant {
	p.NeverSay = append(slices.Clone(p.NeverSay), res...)
	return p
}

// told replaces the story.
func (p PhoneWant) told(story string) PhoneWant {
	p.Story = story
	return p
}

// unseen is a phone whose full registration is not in the logs: it may have one line
// of several for hours.
func unseen() PhoneWant {
	return quiet.neverSay(saysPhoneLate, saysDelta, saysCameLate, saysAllLines, saysPartial)
}

// cameBack is a phone that came back by keep-alive with all the lines that it has.
func cameBack(phone int, blame mra.Hop, causes ...string) PhoneWant {
	p := harmed(phone, blame, causes...)
	p.Partial, p.Verdict = false, words(wCameBack)
	p.Never = append(p.Never, wPartial)
	p.NeverSay = append(p.NeverSay, saysPartial)
	if blame == mra.HopPhone {
		p.NoLateBy, p.NeverSay = false, words(saysHeldByC, saysPartial)
	}
	return p
}

// unharmed is a phone that had trouble and lost nothing.
func unharmed(phone int) PhoneWant {
	return PhoneWant{Phone: phone, Story: harmlessStory, Verdict: words(wRegistered), Cause: words(""), Never: words(wPartial, wCameBack, wLate, wTCP, wTraversal, wFailover),
		NoLateBy: true, NeverSay: words(saysPhoneLate, saysDelta, saysCameLate, saysDropped, saysPartial)}
}

// fine is a phone to which nothing happened, with what must not be said of it.
func fine() PhoneWant {
	return well.never(wRecovered, wRefused, wTraversal, wFailover).neverSay(saysPhoneLate, saysDelta, saysCameLate, saysDropped, saysPartial)
}

// partialOf is the want of a report of which some phones are partial, the others well.
func partialOf(p ...PhoneWant) Want {
	return Want{Verdict: words(wPartial), Bodies: "yes", Phones: p, Others: well}
}

// healthyOf is that of one in which nobody is harmed.
func healthyOf(p ...PhoneWant) Want {
	return Want{Verdict: words(wHealthy), Bodies: "yes", Phones: p, Others: fine(), NeverSay: words(saysPartial, saysDropped)}
}

// stubborn are so many phones that repeat their keep-alives, all the same beside.
func stubborn(n int, c mra.PhoneConfig) mra.SiteConfig {
	c.Stubborn = true
	s := mra.SiteConfig{Phones: n}
	for range n {
		s.Sets = append(s.Sets, c)
	}
	return s
}

// one is a site of four phones of which the second differs.
func one(c mra.PhoneConfig) mra.SiteConfig { return mra.SiteConfig{Sets: []mra.PhoneConfig{1: c}} }

// step is an event after so many seconds.
func step(seconds int, e mra.Event) Step { return Step{time.Duration(seconds) * time.Second, e} }

// Keep-alives come in the same 30 s every 115 s: in those from 575, from 690, from
// 805 s on. What happens at the time between happens between two of them.
const (
	between  = 640
	nextTurn = 685
)
