package cucmtrace

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// A Part is one file of a node's trace as it was fetched and cut.
type Part struct {
	Name string // SDL001_100_000042.txt.gz
	Stretch
	Failed string    // why it could not be fetched, or not to its end: one of evidence.Reason…; empty: it was
	Taken  time.Time // when the file was read to its end, by the node's clock; zero: not known
	Open   bool      // it was still being written: a .gzo, or a file that is not closed
}

// Quiet is how long a Call Manager traces nothing at most: it has timers every second.
const Quiet = 5 * time.Minute

// disorder is how far records may be from the order of their times: what is missing reaches so
// far into what is there.
const disorder = 5 * time.Second

// Missing is what the files of one log of a node lack of a window, by the node's clock: what is
// older than the oldest file, files that are not there, and stretches that were not read. The
// window's end is covered by records behind it, or if a file that is plain text was taken after
// it. quiet is how long the log has no record at most, Quiet for SDL; zero: that is not known.
func Missing(parts []Part, window evidence.Window, quiet time.Duration) []evidence.Span {
	parts = inOrder(parts)
	silent := func(since, until time.Time) bool { return quiet > 0 && until.Sub(since) > quiet }
	var out []evidence.Span
	lack := func(since, until time.Time, reason string) {
		if reason != evidence.ReasonSilent {
			since, until = since.Add(-disorder), until.Add(disorder)
		}
		if since.Before(until) {
			out = append(out, evidence.Span{Since: since, Until: until, Reason: reason})
		}
	}
	var before *Part // the newest one that has records
	broken := ""     // why something may be missing since
	for i := range parts {
		p := &parts[i]
		if p.First.IsZero() {
			broken = cmp.Or(p.Failed, broken, evidence.ReasonClock)
			continue
		}
		switch {
		case before == nil:
			lack(window.Since, p.First, cmp.Or(broken, evidence.ReasonRotated))
		case broken != "":
			lack(before.Last, p.First, broken)
		case !follows(before.Name, p.Name):
			lack(before.Last, p.First, evidence.ReasonVanished)
		case silent(before.Last, p.First):
			lack(before.Last, p.First, evidence.ReasonSilent)
		}
		if before == nil || p.Last.After(before.Last) {
			before = p
		}
		broken = p.Failed
	}
	if before == nil {
		return evidence.Merge(window, append(out, evidence.Span{Since: window.Since, Until: window.Until, Reason: cmp.Or(broken, evidence.ReasonAbsent)}))
	}
	from, why := end(before, broken, window)
	if why == "" && silent(from, window.Until) {
		why = evidence.ReasonSilent
	}
	if why != "" {
		lack(from, window.Until, why)
	}
	return evidence.Merge(window, out)
}

// end is from when on something is missing behind the newest record, and why; empty: nothing is.
func end(p *Part, broken string, window evidence.Window) (from time.Time, why string) {
	from = p.Last.Add(time.Millisecond) // the record itself is there
	switch {
	case broken != "":
		return from, broken
	case !p.Open:
		return from, evidence.ReasonVanished // another file was begun, and is not here
	case p.CutOff || p.Taken.IsZero():
		return from, evidence.ReasonToCome // what the node had not written yet
	case p.Taken.Before(window.Until):
		return evidence.Later(from, p.Taken), evidence.ReasonToCome
	}
	return from, ""
}

// inOrder are the parts by time, those without records where their numbers belong.
func inOrder(parts []Part) []Part {
	var out, empty []Part
	for _, p := range parts {
		if p.Failed == "" && (p.Err != nil || p.CutOff && !p.Open) {
			p.Failed = evidence.ReasonRead
		}
		if p.First.IsZero() {
			empty = append(empty, p)
		} else {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Part) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(NumberOf(a.Name), NumberOf(b.Name)), strings.Compare(a.Name, b.Name))
	})
	for _, p := range empty {
		at := 0
		for i, o := range out {
			if NumberOf(o.Name) < NumberOf(p.Name) {
				at = i + 1
			}
		}
		out = slices.Insert(out, at, p)
	}
	return out
}

// follows reports whether nothing is between two files, by their numbers.
func follows(a, b string) bool {
	x, y := NumberOf(a), NumberOf(b)
	return x < 0 || y < 0 || y == x+1 || x == y || y < x // numbers begin anew
}

// NumberOf is the counter in the name of a trace file, SDL001_100_000042.txt.gz; -1: it has none.
func NumberOf(name string) int {
	name, _, _ = strings.Cut(name, ".")
	i := strings.LastIndexByte(name, '_')
	if !strings.HasPrefix(name, "SDL") || i < 0 || len(name)-i > 10 || len(name)-i < 2 {
		return -1
	}
	n := 0
	for _, c := range name[i+1:] {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// Looks says what a file is by its name and its first bytes: "sdl", "application" (Event Viewer:
// CiscoSyslog), or nothing that is read here.
func Looks(name string, head []byte) string {
	switch {
	case sdlStart(head), IsSDL(name) && bytes.Contains(head, []byte(" |")) && anyStart(head):
		return "sdl"
	case strings.HasPrefix(strings.ToLower(name), "ciscosyslog") && syslogStart(head):
		return "application"
	}
	return ""
}

func anyStart(head []byte) bool {
	for line := range bytes.Lines(head) {
		if sdlStart(line) {
			return true
		}
	}
	return false
}

// HasHead reports whether a trace begins with the node's own word on date and name.
func HasHead(head []byte) bool {
	_, ok := headOf(head)
	return ok && sdlStart(head)
}

// IsSDL reports whether a file is a Call Manager's trace by its name: SDL001_100_000042.txt,
// .txt.gz, or .txt.gzo while it is written. 200 is the CTI Manager's.
func IsSDL(name string) bool {
	base, ext, _ := strings.Cut(name, ".")
	return NumberOf(name) >= 0 && strings.Contains(base, "_100_") && (ext == "txt" || ext == "txt.gz" || ext == "txt.gzo")
}
