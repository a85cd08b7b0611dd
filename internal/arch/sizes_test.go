package arch

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Kinds of sizes, and what each may be at most.
const (
	lines      = "lines"      // of a package
	fields     = "fields"     // of a struct that has methods
	files      = "files"      // in which a type has methods
	length     = "length"     // of a function, in lines
	complexity = "complexity" // of a function, cognitive, as gocognit counts it
)

var limits = map[string]int{lines: 4000, fields: 15, files: 5, length: 60, complexity: 25}

// smaller are packages with a limit of their own.
var smaller = map[string]int{"cmd/grab": 2500}

// linesStep is to what the lines of a package are rounded up in the list, so that not
// every commit changes it.
const linesStep = 100

// documents are structs, by their package's name, that are only written to a file or read
// from one, or filled once and only read from then on: their fields are what somebody else
// reads, and their methods fill them or say something about them.
var documents = map[string]string{
	"config.Config":     "grab.yaml",
	"config.CUCM":       "an entry of cucm: in grab.yaml",
	"evidence.Alert":    "an alert in manifest.json and in alerts/ID.json",
	"evidence.Host":     "a host in manifest.json and in rows/HOST.json",
	"evidence.Manifest": "manifest.json",
	"expressway.Note":   "a record of a log as it was decoded",
	"expressway.SIP":    "a SIP message as it was parsed: a field for each header that is of use",
	"fleet.Verdict":     "an event in the hub's stream",
	"handover.Job":      "a job's file in the folder handover of the store",
	"incident.Incident": "incident.json",
	"incident.Removal":  "a line of removed.jsonl",
	"report.page":       "what the template of the page names",
	"report.phone":      "what that template shows of a phone",
	"setup.Answers":     "the answers that grab.yaml is written from",
	"status.Report":     "the JSON of grab status",
}

// next is what to do about a size that grew.
var next = map[string]string{
	lines:      "move something out that has an owner of its own",
	fields:     "find the fields that are used together, and make them a type of its own; a struct that is only data in a file goes into documents, with the reason",
	files:      "a type with so many methods does several things: give one of them to another type, or make it a function",
	length:     "take a step with a name out of it",
	complexity: "take a step with a name out of it, or return early",
}

var lower = flag.Bool("lower", false, "lower the ceilings of TestSizes to what is really there")

const ceilingsFile = "testdata/sizes.txt"

// A size is one thing that is measured. What moves keeps its name, but for capitals, so a
// type or function goes by its own in small letters and no package's; of several with one
// name the largest counts.
type size struct{ kind, name string }

// limit is what a size may be at most without being on the list.
func (s size) limit() int {
	if n, ok := smaller[s.name]; ok && s.kind == lines {
		return n
	}
	return limits[s.kind]
}

// TestSizes: nothing grows beyond a limit, and what is beyond it today only shrinks.
func TestSizes(t *testing.T) {
	m := measure(t)
	ceilings := readCeilings(t)
	for _, s := range slices.SortedFunc(maps.Keys(m.n), size.compare) {
		n, ceiling := m.n[s], max(s.limit(), ceilings[s])
		if n > ceiling {
			t.Errorf("%s: %s %s is %d, the ceiling is %d: %s", m.at[s], s.kind, s.name, n, ceiling, next[s.kind])
		}
	}
	if *lower {
		writeCeilings(t, lowered(m, ceilings))
		return
	}
	for s, now := range lowered(m, ceilings) {
		if was := ceilings[s]; now < was {
			t.Errorf("%s: the ceiling of %s %s is %d, and %d is enough: lower it (go test ./internal/arch -lower does, to what is there)", ceilingsFile, s.kind, s.name, was, now)
		}
	}
	for s, was := range ceilings {
		if m.n[s] <= s.limit() {
			t.Errorf("%s: %s %s is %d and needs no ceiling of %d any more: take the line out (go test ./internal/arch -lower does)", ceilingsFile, s.kind, s.name, m.n[s], was)
		}
	}
	for name, why := range documents {
		if why == "" || m.documents[name] <= limits[fields] {
			t.Errorf("documents: %s is no document with a reason and more than %d fields: take it out", name, limits[fields])
		}
	}
}

func (s size) compare(o size) int {
	return cmp.Or(strings.Compare(s.kind, o.kind), strings.Compare(s.name, o.name))
}

// lowered are the ceilings as low as they can be: none is higher than before.
func lowered(m *measured, ceilings map[size]int) map[size]int {
	low := map[size]int{}
	for s, was := range ceilings {
		n := m.n[s]
		if s.kind == lines {
			n = (n + linesStep - 1) / linesStep * linesStep
		}
		if m.n[s] > s.limit() {
			low[s] = min(was, n)
		}
	}
	return low
}

func readCeilings(t *testing.T) map[size]int {
	t.Helper()
	b, err := os.ReadFile(ceilingsFile)
	if err != nil {
		t.Fatal(err)
	}
	ceilings := map[size]int{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		n := 0
		if len(f) == 3 && limits[f[0]] > 0 {
			n, err = strconv.Atoi(f[2])
		}
		if n == 0 || err != nil {
			t.Fatalf("%s: %q is no ceiling: kind, name, number", ceilingsFile, line)
		}
		ceilings[size{f[0], strings.ToLower(f[1])}] = n
	}
	return ceilings
}

func writeCeilings(t *testing.T, ceilings map[size]int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# What is above the limits of TestSizes, and how large it may be: these numbers only fall.\n")
	for _, s := range slices.SortedFunc(maps.Keys(ceilings), size.compare) {
		fmt.Fprintf(&b, "%s %s %d\n", s.kind, s.name, ceilings[s])
	}
	if err := os.WriteFile(ceilingsFile, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
