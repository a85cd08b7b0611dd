package evidence

import (
	"fmt"
	"strings"
	"testing"
)

func dropped(n int) *Registration {
	r := &Registration{Healthy: 3, Unknown: 1, Groups: []RegistrationGroup{{Verdict: "partial", Confidence: "likely", Summary: "The connection dropped.", Advice: "Look at firewalls."}}}
	for i := range n {
		d := fmt.Sprintf("SEP%02d", i)
		r.Groups[0].Devices = append(r.Groups[0].Devices, d)
		r.Phones = append(r.Phones, PhoneRegistration{Device: d, Verdict: "partial", Confidence: "likely", Summary: d + " is partial.", Advice: "Look at firewalls."})
	}
	return r
}

func said(r *Registration) string {
	var b strings.Builder
	for _, f := range r.Findings() {
		fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", f.Depth), f.Text)
	}
	return b.String()
}

func TestFindings(t *testing.T) {
	several := dropped(12)
	several.Phones[4].Verdict, several.Phones[4].Statements = "recovered", []Statement{{"Registered in full at 14:12.", "certain"}, {"Cause: not known.", "cannot_tell"}}
	one := dropped(1)
	one.Phones[0].Statements = []Statement{{"Came back with one line.", "certain"}, {"Cause: the connection.", "likely"}}
	many := dropped(200)
	many.Groups[0].More, many.More = 100, 100
	older := dropped(2)
	older.Groups, older.Healthy, older.Unknown = nil, 0, 2
	older.Phones[1].Confidence, older.Phones[1].Summary = "", ""
	crowd := dropped(45)
	crowd.Groups, crowd.More, crowd.Healthy, crowd.Unknown = nil, 5, 0, 0
	list := "SEP00, SEP01, SEP02, SEP03, SEP04, SEP05, SEP06, SEP07, SEP08, SEP09"
	rest := "3 phones stayed registered; the other phone: not known\n"
	for name, c := range map[string]struct {
		r    *Registration
		want string
	}{
		"several": {several, "[likely] The connection dropped.\n  next: Look at firewalls.\n  12 phones: " + list + " and 2 more\n" +
			"  [certain] SEP04: Registered in full at 14:12.\n    [cannot tell] Cause: not known.\n" + rest},
		"one":   {one, "[likely] The connection dropped.\n  next: Look at firewalls.\n  [certain] SEP00: Came back with one line.\n    [likely] Cause: the connection.\n" + rest},
		"many":  {many, "[likely] The connection dropped.\n  next: Look at firewalls.\n  300 phones: " + list + " and 290 more\n" + rest},
		"older": {older, "[likely] SEP00 is partial.\n  next: Look at firewalls.\nSEP01: partial\nthe other 2: not known\n"},
	} {
		if got := said(c.r); got != c.want {
			t.Errorf("%s:\n%swant\n%s", name, got, c.want)
		}
	}
	if got := crowd.Findings(); len(got) != maxFindings+2 || got[len(got)-1].Text != "10 more phones that something happened to, in the report" {
		t.Errorf("%d lines, the last is %+v", len(got), got[len(got)-1])
	}
}
