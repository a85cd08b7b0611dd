package human

import (
	"slices"
	"strings"
)

// OneLine is an error in one line. What was joined stands apart by "; ", each cause once, with
// what it happened to before it: "a, b: connection lost".
func OneLine(err error) string {
	if err == nil {
		return ""
	}
	var causes []cause
	for line := range strings.SplitSeq(err.Error(), "\n") {
		causes = withCause(causes, once(line))
	}
	said := make([]string, 0, len(causes))
	for _, c := range causes {
		said = append(said, c.String())
	}
	return strings.Join(said, "; ")
}

// A cause is a line of an error: what it happened to, and the rest.
type cause struct {
	heads []string // none: the line has no ": "
	rest  string
}

func (c cause) String() string {
	if len(c.heads) == 0 {
		return c.rest
	}
	return strings.Join(c.heads, ", ") + ": " + c.rest
}

// withCause adds a line, unless it says nothing new.
func withCause(all []cause, line string) []cause {
	if line == "" || slices.ContainsFunc(all, func(c cause) bool { return endsWith(c.String(), line) }) {
		return all
	}
	all = slices.DeleteFunc(all, func(c cause) bool { return endsWith(line, c.String()) })
	head, rest, cut := strings.Cut(line, ": ")
	if !cut {
		return append(all, cause{rest: line})
	}
	for i, c := range all {
		if len(c.heads) > 0 && c.rest == rest {
			if !slices.Contains(c.heads, head) {
				all[i].heads = append(c.heads, head)
			}
			return all
		}
	}
	return append(all, cause{[]string{head}, rest})
}

// endsWith: line is cause, or says it of something.
func endsWith(line, cause string) bool { return line == cause || strings.HasSuffix(line, ": "+cause) }

// once leaves out what a line says twice on end: "stopped: stopped".
func once(line string) string {
	return strings.Join(slices.Compact(strings.Split(strings.TrimSpace(line), ": ")), ": ")
}
