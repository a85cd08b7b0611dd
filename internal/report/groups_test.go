package report

import (
	"strings"
	"testing"

	"rtmtgrab/internal/registration"
)

// A report without groups has those that its phones make; one whose groups leave out
// affected phones has both.
func TestGroups(t *testing.T) {
	for name, c := range map[string]struct {
		w    *world
		want string // phones of each group
	}{
		"new":     {dropped(5, 9), "5"},
		"older":   {dropped(5, 9).older(), "5"},
		"several": {mixedDay(), "11 1 3 1"},
		"healthy": {healthySite(3), ""},
	} {
		p := newPage(c.w.r, c.w.text)
		var sizes []string
		for _, g := range p.Groups {
			sizes = append(sizes, count(g.Size()))
		}
		if got := strings.Join(sizes, " "); got != c.want {
			t.Errorf("%s: groups of %s phones, want %s", name, got, c.want)
		}
	}
	w := dropped(5, 9)
	w.r.Groups[0].Devices = append(w.r.Groups[0].Devices[:2], "SEP000000000000")
	p := newPage(w.r, w.text)
	if len(p.Groups) != 2 || p.Groups[0].Size() != 3 || len(p.Groups[0].Others) != 1 || len(p.Groups[1].Phones) != 3 {
		t.Errorf("%d groups, the first with %+v", len(p.Groups), p.Groups[0].Others)
	}
	old := newPage(dropped(5, 9).older().r, nil).Groups[0]
	want := "5 phones: partially registered between 14:10:03 and 14:10:34 UTC; cause: TCP connection to CUCM dropped, expc01 -> cucm01.example.com at 14:10:00 UTC."
	if old.Summary != want || old.Confidence != registration.Likely {
		t.Errorf("%s (%s)", old.Summary, old.Confidence)
	}
}

// What all phones of a group have in common is said of the group; a cause also where
// its numbers differ.
func TestCommonClaims(t *testing.T) {
	w := dropped(4, 4)
	for i := range w.r.Phones {
		w.r.Phones[i].Statements = []registration.Statement{{Text: "Came back at 14:10:0" + count(i) + " UTC.", Confidence: registration.Certain},
			{Text: "Cause: lost " + count(i) + " s ago.", Confidence: registration.Likely}, {Text: "It came in time.", Confidence: registration.Certain}}
	}
	w.r.Phones[3].Statements[2].Confidence = registration.Likely
	g := newPage(w.r, nil).Groups[0]
	if len(g.Common) != 1 || said2(g.Common[0].Text) != "SEP00EBD5D5D8C6, and the others but for the numbers: Cause: lost 0 s ago." {
		t.Errorf("in common: %+v", g.Common)
	}
	for _, p := range g.Phones {
		if len(p.Claims) != 2 {
			t.Errorf("%s has %+v", p.Name, p.Claims)
		}
	}
}
