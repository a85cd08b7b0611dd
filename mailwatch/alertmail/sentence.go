package alertmail

import (
	"regexp"
	"strings"
)

// A sentence is what one of the two families of sentences says
// (docs/rtmt-mail.md):
//
//	At <date> on node <node>, the following <name> events generated: …
//	<what> (<value>) is over <threshold> threshold. The alert is generated on <date> on node <node>.
type sentence struct {
	what string // the part that may name the counter
	date string
	node string
	rank int // 3 names the counter, 2 is of a family, 0 is none
}

const (
	maxSentences = 100 // looked at in one mail
	lookBack     = 400 // bytes before the node or date that may belong to the sentence
)

var (
	generatedRE = regexp.MustCompile(`(?i)is generated on ` + javaPattern)
	dateEndRE   = regexp.MustCompile(`(?i)` + javaPattern + `\s*$`)
)

// findSentence returns the best sentence in flat, which is text on one line.
func findSentence(flat string, matches func(string) bool) sentence {
	var best sentence
	take := func(s sentence) {
		if s.rank == 2 && matches(s.what) {
			s.rank = 3
		}
		if s.rank > best.rank {
			best = s
		}
	}
	low := lower(flat)
	each(low, " on node ", func(i int) {
		take(nodeSentence(flat, low, i))
	})
	each(low, " is generated on ", func(i int) {
		s := sentence{what: flat[max(0, i-lookBack):i], rank: 2}
		s.date = generatedRE.FindString(flat[i:min(len(flat), i+80)])
		if s.date != "" {
			take(s)
		}
	})
	return best
}

// nodeSentence reads the sentence whose " on node " stands at i.
func nodeSentence(flat, low string, i int) sentence {
	after := i + len(" on node ")
	s := sentence{node: nodeName(flat[after:min(len(flat), after+253)])}
	s.date = dateEndRE.FindString(flat[max(0, i-60):i])
	rest := low[after+len(s.node) : min(len(low), after+lookBack+len(s.node))]
	skip := len(rest) - len(strings.TrimLeft(rest, " ,.:;)"))
	if tail := rest[skip:]; strings.HasPrefix(tail, "the following ") {
		if end := strings.Index(tail, " event"); end >= 0 {
			start := after + len(s.node) + skip
			s.what, s.rank = flat[start:start+end], 2
		}
		return s
	}
	if before := flat[max(0, i-lookBack):i]; strings.Contains(lower(before), "is generated on ") {
		s.what, s.rank = before, 2
	}
	return s
}

// nodeName is the name, FQDN or address at the start of s.
func nodeName(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' || r == ':' || r == '%')
	})
	if end >= 0 {
		s = s[:end]
	}
	return strings.TrimRight(s, ".:-%")
}

// each calls f with the offsets at which what stands in s, at most maxSentences.
func each(s, what string, f func(i int)) {
	for from, n := 0, 0; n < maxSentences; n++ {
		i := strings.Index(s[from:], what)
		if i < 0 {
			return
		}
		f(from + i)
		from += i + len(what)
	}
}

var keyRE = regexp.MustCompile(`(?i)\b(AppID|ClusterID|NodeID|TimeStamp|DeviceName|PollValue|CounterValue|Counter Value|CurrentValue|AlertName|Alert Name)[ \t]*:`)

// findValues reads the known "Name : Value" pairs, wherever they stand on a
// line; names in lower case without blanks. The first that is not empty counts.
func findValues(text string) map[string]string {
	values := map[string]string{}
	at := keyRE.FindAllStringSubmatchIndex(text, 1000)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		value, _, _ := strings.Cut(text[m[1]:min(end, m[1]+1000)], "\n")
		name := strings.ReplaceAll(lower(text[m[2]:m[3]]), " ", "")
		if value = strings.TrimSpace(value); value != "" && values[name] == "" {
			values[name] = value
		}
	}
	return values
}

// Flatten puts text on one line with single blanks.
func Flatten(text string) string { return strings.Join(strings.Fields(text), " ") }

// lower is s with A to Z in lower case; offsets stay.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
