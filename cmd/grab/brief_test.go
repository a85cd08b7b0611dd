package main

import (
	"fmt"
	"strings"
	"testing"

	"rtmtgrab/internal/app/reporting"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/report"
)

// thirty phones of one group, of which one stands otherwise, and one that is well.
func thirty() *registration.Report {
	rep := &registration.Report{Verdict: "partial", Summary: "30 phones went partial.", Groups: []registration.Group{{Verdict: "partial", Cause: "tcp_dropped", Confidence: "cannot_tell",
		Summary: "The connection dropped.", Advice: "Look at firewalls."}}}
	for i := range 31 {
		p := registration.Phone{Device: fmt.Sprintf("SEP%02d", i), Verdict: "partial", Cause: "tcp_dropped", Confidence: "likely", Summary: "is partial", Advice: "Look at firewalls.",
			Statements: []registration.Statement{{Text: "Came back.", Confidence: "certain"}, {Text: "Cause: the connection.", Confidence: "likely"}}}
		if i == 3 {
			p.Device, p.CallIDs, p.Numbers, p.Confidence, p.Statements[1].Confidence = "", []string{"call@3"}, []string{"7003"}, "cannot_tell", "cannot_tell"
		}
		if i == 30 {
			p = registration.Phone{Device: "SEP30", Verdict: "registered", Confidence: "certain"}
		} else {
			rep.Groups[0].Devices = append(rep.Groups[0].Devices, p.Device+strings.Join(p.CallIDs, ""))
		}
		rep.Phones = append(rep.Phones, p)
	}
	return rep
}

// A group is said once, and of its phones only what is other with them.
func TestBriefGroups(t *testing.T) {
	rep := thirty()
	b := report.Brief(rep)
	if len(b.Groups) != 1 || len(b.Groups[0].Devices) != 30 || b.Groups[0].Devices[3] != "7003" || len(b.Phones) != 30 || b.Healthy != 1 {
		t.Fatalf("%+v", b)
	}
	for i, p := range b.Phones {
		if (len(p.Statements) > 0) != (i == 3) {
			t.Errorf("phone %d has the statements %v", i, p.Statements)
		}
	}
	rep.Phones[5].Named = true
	if b := report.Brief(rep); len(b.Phones[5].Statements) != 2 {
		t.Error("of a phone that was asked for the statements are missing")
	}
	var out strings.Builder
	if err := reporting.Print(&out, thirty(), "page.html"); err != nil {
		t.Fatal(err)
	}
	want := "30 phones went partial.\n\n[cannot tell] The connection dropped.\n  next: Look at firewalls.\n" +
		"  30 phones: SEP00, SEP01, SEP02, 7003, SEP04, SEP05, SEP06, SEP07, SEP08, SEP09 and 20 more\n" +
		"  [certain] 7003: Came back.\n    [cannot tell] Cause: the connection.\n\n1 phone stayed registered\n\npage      page.html\n"
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
