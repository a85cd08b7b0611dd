package smtpout

import (
	"flag"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMessageGolden: a mail is the same bytes whenever it is made, so that who gets it
// twice can tell.
func TestMessageGolden(t *testing.T) {
	m := Message{
		ID: "<grab-notice.0123456789abcdef@example.com>", Date: time.Date(2026, 3, 2, 14, 14, 7, 0, time.FixedZone("", -5*3600)),
		From: mail.Address{Name: "grab", Address: "grab@example.com"}, To: []string{"noc@example.com", "second.line@example.com"},
		Subject: "grab: zwölf Köche in \"hq\", " + strings.Repeat("ein sehr langer Betreff ", 6),
		Fields:  [][2]string{{"X-Grab-Notice", "MARK-" + strings.Repeat("0123456789abcdef", 6)}},
		Text:    "Grüße\n\n.\n.dot\nFrom x\ntrailing space \n=20\n" + strings.Repeat("lang ", 60) + "\n-- \nMARK\n",
	}
	got, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const name = "testdata/notice.eml"
	if *update {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
