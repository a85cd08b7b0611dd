package drill

import (
	"testing"
	"time"

	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/mailwatch/alertmail"
)

// A drill's mail reads like RTMT's own for the same node, and carries its mark once.
func TestLetter(t *testing.T) {
	at := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	for _, zone := range []string{"UTC", "America/New_York", "Asia/Riyadh"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		mark := NewMark()
		raw, err := Letter{Mark: mark, Cluster: "Köln HQ", Node: "cucm02.example.com", From: "grab@example.com", To: "rtmt@example.com", At: at, Zone: loc}.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		got, ok := (&alertmail.Reader{}).Read(raw, at)
		want, _ := (&alertmail.Reader{}).Read(rtmt.Mail(rtmt.MailOptions{Cluster: "Köln HQ", Node: "cucm02.example.com", Time: at, Zone: loc}), at)
		if !ok || got.Cluster != want.Cluster || got.Node != want.Node || *got.Count != *want.Count || got.Name != want.Name || !got.Time.Equal(want.Time) || got.TimeFrom != want.TimeFrom {
			t.Errorf("%s: %+v\nwant %+v\n%s", zone, got, want, raw)
		}
		if MarkOf(raw) != mark {
			t.Errorf("mark %q\n%s", MarkOf(raw), raw)
		}
		if s := SayingOf(got, alertmail.ReadLetter(raw).Text); !s.is(s) {
			t.Errorf("%+v", s)
		}
	}
	if _, err := (Letter{Mark: "x\r\ny: z", From: "a@b", To: "c@d", Zone: time.UTC}).Bytes(); err == nil {
		t.Error("a second header field")
	}
}
