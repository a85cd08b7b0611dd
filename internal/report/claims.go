package report

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"rtmtgrab/internal/registration"
)

// A claim is one statement with its own confidence.
type claim struct {
	Text []span
	Sure sure
	key  string
}

// A sure is a confidence: Key names its style, Word is for people. Empty is not known.
type sure struct{ Key, Word string }

func newSure(confidence string) sure {
	key := map[string]string{registration.Certain: "certain", registration.Likely: "likely", registration.CannotTell: "cannot"}[confidence]
	return sure{cmp.Or(key, "other"), lookup(confidenceWords, confidence)}
}

// common moves the claims that every phone has to the group, and the cause where it
// is the same but for its numbers.
func (g *group) common() {
	for _, c := range g.Phones[0].Claims {
		same := func(o claim) bool { return o.key == c.key }
		if everyClaims(g.Phones, same) {
			g.Common = append(g.Common, c)
		} else if same = c.alike; strings.HasPrefix(c.key, causePrefix) && everyClaims(g.Phones, same) {
			c.Text = append([]span{{Text: g.Phones[0].Name + ", and the others but for the numbers: "}}, c.Text...)
			g.Common = append(g.Common, c)
		} else {
			continue
		}
		for _, p := range g.Phones {
			p.Claims = slices.DeleteFunc(slices.Clone(p.Claims), same)
		}
	}
}

func everyClaims(phones []*phone, same func(claim) bool) bool {
	return !slices.ContainsFunc(phones, func(p *phone) bool { return !slices.ContainsFunc(p.Claims, same) })
}

// causePrefix begins the statement of a cause.
const causePrefix = "Cause: "

var numberRE = regexp.MustCompile(`[0-9]+`)

// alike reports whether two claims are the same but for their numbers.
func (c claim) alike(o claim) bool {
	return c.Sure == o.Sure && numberRE.ReplaceAllString(c.key, "0") == numberRE.ReplaceAllString(o.key, "0")
}

// claims are a phone's statements. Of a report that has none they are its sentence,
// and its cause where the sentence does not name it.
func claims(p *registration.Phone, c siteClock) []claim {
	var out []claim
	add := func(text, confidence string) {
		if text != "" {
			out = append(out, claim{c.say(text), newSure(confidence), text + "\n" + confidence})
		}
	}
	for _, s := range p.Statements {
		add(s.Text, s.Confidence)
	}
	if len(out) > 0 {
		return out
	}
	add(p.Summary, cmp.Or(p.VerdictConfidence, p.Confidence))
	if p.Cause != "" && !strings.Contains(strings.ToLower(p.Summary), "cause:") {
		add(causePrefix+lookup(causeWords, p.Cause)+".", cmp.Or(p.CauseConfidence, p.Confidence))
	}
	return out
}
