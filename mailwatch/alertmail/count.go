package alertmail

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	countRE = regexp.MustCompile(`(?i)\([ \t]*(\d{1,9})(?:\.0)?[ \t]*\) is over `)
	wholeRE = regexp.MustCompile(`^[ \t]*(\d{1,9})(?:\.0)?`)

	// valueRE is what lies between a counter's name and its value, and othersRE has the
	// words that tell of another number than the counter's value.
	valueRE  = regexp.MustCompile(`^[^:=\n]{0,80}[:=]`)
	othersRE = regexp.MustCompile(`(?i)\b(threshold|limit|over|above|below|exceed(s|ed)?|max(imum)?|min(imum)?|baseline|time|date|at|since|until|every|within|after|before|severity|version|port|timestamp|\w*id)\b`)

	// moreRE is what follows a number that is a part of something else, or has a unit.
	moreRE = regexp.MustCompile(`(?i)^(?:[\w:/%@+-]|[.,]\d|[ \t]+(?:\d|[:/%]|[ap]\.?m\b|m?s\b|sec|min|h\b|hours?\b|days?\b|weeks?\b|months?\b|years?\b|[kmg]?bytes?\b|percent\b|o'?clock|uhr\b)|\.?[ \t]*(?:jan|feb|fév|mar|mär|apr|avr|abr|ma[iy]|jun|jui|jul|aug|ago|aoû|sep|set|o[ck]t|out|nov|dec|déc|dez|dic|ene)[\pL.]*(?:[ \t,]|$))`)
)

// wholeNumber reads a number that text begins with and that is nothing but a number:
// no beginning of a time, date, address or version, and without a unit.
func wholeNumber(text string) (digits string, ok bool) {
	m := wholeRE.FindStringSubmatchIndex(text)
	if m == nil || moreRE.MatchString(text[m[1]:]) {
		return "", false
	}
	return text[m[2]:m[3]], true
}

// setCount takes the counter's value: "(3) is over", a line "<counter> : 3", or
// a line that is known to hold it.
func (x *extract) setCount(r *Reader) {
	set := func(digits, where string) {
		n, err := strconv.Atoi(digits)
		if err == nil && x.alert.Count == nil {
			x.alert.Count = &n
			x.from("count", where)
		}
	}
	over := countRE.FindAllStringSubmatchIndex(x.flat, maxSentences)
	for _, m := range over {
		if r.matches(x.flat[max(0, m[0]-lookBack):m[0]]) {
			set(x.flat[m[2]:m[3]], "sentence")
		}
	}
	text := x.letter.Text
	for n := 0; n < 5000 && text != "" && x.alert.Count == nil; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if digits, ok := r.lineCount(line); ok {
			set(digits, "line of the counter")
		}
	}
	for _, key := range []string{"pollvalue", "countervalue", "currentvalue"} {
		if digits, ok := wholeNumber(x.values[key]); ok {
			set(digits, key)
		}
	}
	for _, m := range over {
		set(x.flat[m[2]:m[3]], "another sentence")
	}
}

// maxNames bounds how many names of the counter are looked at in one line.
const maxNames = 20

// lineCount is the number of a line "<counter> : 3".
func (r *Reader) lineCount(line string) (digits string, ok bool) {
	for _, re := range r.match() {
		for _, m := range re.FindAllStringIndex(line, maxNames) {
			name := wordEnd(line, m[1])
			between := valueRE.FindString(line[name:])
			value := name + len(between)
			if between == "" || othersRE.MatchString(between) || splitsNumber(line[m[0]:value-1], line[value:]) {
				continue
			}
			if digits, ok := wholeNumber(line[value:]); ok {
				return digits, true
			}
		}
	}
	return "", false
}

// splitsNumber reports whether the separator between two texts may stand within a
// time, or between an address and a port. A node's name may have digits.
func splitsNumber(before, value string) bool {
	words := strings.Fields(before)
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	if !strings.ContainsAny(last, "0123456789") || strings.HasSuffix(last, ")") || strings.HasSuffix(last, "]") {
		return false
	}
	named := last[0]|0x20 >= 'a' && last[0]|0x20 <= 'z'
	return !named || value != "" && value[0] != ' ' && value[0] != '\t'
}
