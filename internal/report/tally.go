package report

import (
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/registration"
)

func digest(kinds map[string]int, late, refused int) string {
	var parts []string
	for _, k := range kindTallyOf(kinds, late, refused) {
		switch k.Key {
		case keyLate, keyRefused:
			parts = append(parts, fmt.Sprintf("%s %s", count(k.N), k.Word))
		case registration.KindSecondary:
			parts = append(parts, fmt.Sprintf("%s to the secondary", count(k.N)))
		case registration.KindRegister:
			parts = append(parts, plural(k.N, "REGISTER"))
		default:
			parts = append(parts, plural(k.N, k.Word))
		}
	}
	return strings.Join(parts, " · ")
}

// Keys of the filter beside the kinds.
const (
	keyLate    = "late"
	keyRefused = "refused"
)

func kindTallyOf(kinds map[string]int, late, refused int) []tally {
	var out []tally
	known := map[string]bool{}
	for _, k := range kindWords {
		known[k[0]] = true
		out = append(out, tally{k[0], k[1], kinds[k[0]]})
	}
	var more []tally
	for k, n := range kinds {
		if !known[k] {
			more = append(more, tally{k, word(kindWords, k), n})
		}
	}
	slices.SortFunc(more, func(a, b tally) int { return strings.Compare(a.Key, b.Key) })
	out = append(append(out, more...), tally{keyLate, "late", late}, tally{keyRefused, "refused or not answered", refused})
	return slices.DeleteFunc(out, func(t tally) bool { return t.N == 0 })
}

// kindTally counts over all phones.
func kindTally(all []*phone) []tally {
	kinds := map[string]int{}
	late, refused := 0, 0
	for _, p := range all {
		for i := range p.Ladder {
			kinds[p.Ladder[i].Kind]++
			if p.Ladder[i].Late {
				late++
			}
			if p.Ladder[i].Refused {
				refused++
			}
		}
	}
	return kindTallyOf(kinds, late, refused)
}

func verdictTally(all []*phone) []tally {
	n := map[string]int{}
	for _, p := range all {
		n[p.Verdict]++
	}
	var out []tally
	for _, w := range verdictWords {
		if n[w[0]] > 0 {
			out = append(out, tally{w[0], w[1], n[w[0]]})
			delete(n, w[0])
		}
	}
	var more []tally
	for v, k := range n {
		more = append(more, tally{v, word(verdictWords, v), k})
	}
	slices.SortFunc(more, func(a, b tally) int { return strings.Compare(a.Key, b.Key) })
	return append(out, more...)
}

// maxForemost are the groups that are always in sight; further ones are folded.
const maxForemost = 3

// Foremost are the groups that are always in sight.
func (p *page) Foremost() []*group { return p.Groups[:min(len(p.Groups), maxForemost)] }

// Further are the other groups.
func (p *page) Further() []*group { return p.Groups[len(p.Foremost()):] }

// FurtherWords are the other groups in a few words.
func (p *page) FurtherWords() string {
	var parts []string
	for _, g := range p.Further() {
		parts = append(parts, plural(g.Size(), "phone")+" "+strings.ToLower(g.Word))
	}
	return strings.Join(parts, ", ")
}

// NoneAffected says that no phone is affected, as far as that can be told.
func (p *page) NoneAffected() string {
	unknown := 0
	for _, ph := range p.People {
		if ph.Verdict == registration.VerdictUnknown {
			unknown++
		}
	}
	all := plural(len(p.People), "phone")
	switch unknown {
	case 0:
		return "No affected phone was found among " + all + "."
	case len(p.People):
		return "Of none of " + all + " can it be told whether it is affected: see the notes, and each phone below."
	default:
		return fmt.Sprintf("No phone is known to be affected, but of %s among %s it cannot be told.", count(unknown), count(len(p.People)))
	}
}

// EarlierAdvice is what to do about phones of earlier bundles.
func (p *page) EarlierAdvice() string { return registration.AdviceBefore }

// Counts are the verdicts of all phones in a few words.
func (p *page) Counts() string {
	var parts []string
	for _, t := range p.Tally {
		parts = append(parts, count(t.N)+" "+strings.ToLower(t.Word))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// Class is the style of the incident's verdict.
func (p *page) Class() string { return class(p.Verdict) }

// Word is the incident's verdict in words.
func (p *page) Word() string { return word(verdictWords, p.Verdict) }

// CoverageWord is the coverage in words.
func (p *page) CoverageWord() string {
	if p.Coverage == "" {
		return "not known: these files were given without a window"
	}
	return p.Coverage
}
