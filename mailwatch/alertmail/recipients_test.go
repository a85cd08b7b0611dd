package alertmail

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Recipients come from every field that may name one, once, at most fifty.
func TestRecipients(t *testing.T) {
	many := strings.Repeat("x@example.com, ", 5) + strings.TrimSuffix(strings.Repeat("<a@b>,", 3), ",")
	for i := range 60 {
		many += fmt.Sprintf(", u%d@example.com", i)
	}
	for _, tc := range []struct {
		header []string
		want   string
	}{
		{[]string{"To: RTMT <rtmt+HQ@Example.com>"}, "rtmt+HQ@Example.com"},
		{[]string{"To: a@x", "Delivered-To: rtmt+hq@x", "X-Original-To: RTMT+HQ@X", "Envelope-To: <e@x>", "Cc: b@x, \"C, D\" <c@x>"}, "rtmt+hq@x e@x a@x b@x c@x"},
		{[]string{"To: undisclosed-recipients:;"}, ""},
		{[]string{"To: broken <a@x> <b@x", "Delivered-To: one@x", "Delivered-To: two@x"}, "one@x two@x a@x b@x"},
		{[]string{"To: @x, " + strings.Repeat("a", 300) + "@x, \x01\x02@x"}, ""},
	} {
		l := ReadLetter([]byte(strings.Join(tc.header, "\r\n") + "\r\n\r\nbody"))
		if got := strings.Join(l.recipients(), " "); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.header, got, tc.want)
		}
	}
	if l := ReadLetter([]byte("To: " + many + "\r\n\r\n")); len(l.recipients()) != maxRecipients {
		t.Errorf("%d recipients", len(l.recipients()))
	}
}

// The first kind that matches counts, its own name is what the alert is called, and
// the counter of match comes last.
func TestKinds(t *testing.T) {
	r := &Reader{Kinds: []Kind{{"trunk", regexp.MustCompile(`(?i)SIPTrunk(OOS|PartiallyISV)`)}, {"any", regexp.MustCompile(`(?i)Dropped`)}}}
	read := func(subject, body string) (string, string) {
		a, _ := r.Read([]byte("Subject: [RTMT-ALERT-c] "+subject+"\r\n\r\n"+body+"\r\n"), time.Now())
		return a.Kind, a.Name
	}
	for _, tc := range [][4]string{
		{"SIPTrunkOOS", "", "trunk", "SIPTrunkOOS"},
		{"x", "At Fri May 21 08:11:00 CDT 2021 on node n1, the following SIPTrunkPartiallyISV events generated: NumberOfRegisteredPhonesDropped", "trunk", "SIPTrunkPartiallyISV"},
		{"NumberOfRegisteredPhonesDropped", "", "any", "NumberOfRegisteredPhonesDropped"},
		{"PartiallyRegisteredPhone", "", "partial", "PartiallyRegisteredPhone"},
		{"other", "", "", ""},
	} {
		if kind, name := read(tc[0], tc[1]); kind != tc[2] || name != tc[3] {
			t.Errorf("%q: %s, %s", tc[:2], kind, name)
		}
	}
}
