package wiring

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"rtmtgrab/internal/config"
	"rtmtgrab/mailwatch"
)

// It is said who may trigger, in one sentence, unless senders are verified.
func TestWhoMayTrigger(t *testing.T) {
	for want, a := range map[string]config.Alerts{
		"anyone who can send a mail to the mailbox can start grabs, for up to 12": {Limit: 12, Authenticity: config.Authenticity{Check: config.CheckNone}},
		"without any limit":                {},
		"whoever writes an address of":     {Limit: 12, From: []string{"@example.com"}},
		"":                                 {Limit: 12, From: []string{"@example.com"}, Authenticity: config.Authenticity{Check: config.CheckDKIM}},
		"neither alerts.from nor alerts.a": {Limit: 1},
	} {
		words, anyone := WhoMayTrigger(&config.Config{Alerts: a})
		if !strings.Contains(words, want) || (want == "") != (words == "") || anyone != (len(a.From) == 0) {
			t.Errorf("%q, %t: want %q", words, anyone, want)
		}
	}
}

// A signed mail that is sent again 20 hours later, with whatever is not signed made new,
// is the alert that it was, or may not trigger; what is at fault is named.
func TestReplayedMail(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(context.Context, string) ([]string, error) {
		return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)}, nil
	}
	was := time.Date(2026, 3, 2, 14, 14, 36, 0, time.UTC)
	now := was.Add(20 * time.Hour)
	plain := strings.ReplaceAll("Message-ID: <first@x>\nFrom: rtmt@example.com\nDate: Mon, 02 Mar 2026 14:14:36 +0000\nSubject: [RTMT-ALERT-c1] PartiallyRegisteredPhone\n\n"+
		"At Mon Mar 02 14:14:05 UTC 2026 on node cucm01, the following PartiallyRegisteredPhone events generated:\n", "\n", "\r\n")
	sign := func(fields ...string) string {
		var out bytes.Buffer
		if err := dkim.Sign(&out, strings.NewReader(plain), &dkim.SignOptions{Domain: "example.com", Selector: "s", Signer: key, HeaderKeys: fields}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	cfg := &config.Config{Alerts: config.Alerts{From: []string{"@example.com"}, Authenticity: config.Authenticity{Check: config.CheckDKIM}}}
	read := func(raw string, at time.Time) judged {
		t.Helper()
		m := mailwatch.Mail{Raw: []byte(raw), Internal: at, Seen: at}
		var ok bool
		if m.Alert, ok = AlertReader(cfg, "INBOX").Read(m.Raw, at); !ok {
			t.Fatal("no alert")
		}
		return NewSender(cfg, lookup).Mail(t.Context(), m)
	}
	fresh := strings.NewReplacer("<first@x>", "<second@x>", "Mon, 02 Mar 2026 14:14:36", "Tue, 03 Mar 2026 10:14:36")

	good := sign("From", "Subject", "Date")
	first := read(good, was)
	again := read(strings.Replace(good, "<first@x>", "<second@x>", 1), now)
	if !first.Alert.Auth.OK || !again.Alert.Auth.OK || again.Alert.ID != first.Alert.ID || !again.Alert.Time.Equal(first.Alert.Time) {
		t.Errorf("with another Message-ID: %+v, was %+v", again.Alert, first.Alert)
	}
	if d := read(fresh.Replace(good), now); d.Alert.Auth.OK {
		t.Errorf("with another Date: %+v", d.Alert)
	}
	if d := read(fresh.Replace(sign("From", "Subject")), now); d.Alert.Auth.OK || !strings.Contains(d.Alert.Auth.Why, "does not cover Date") {
		t.Errorf("Date not signed: %+v", d.Alert.Auth)
	}
	if first.Alert.Sender != "rtmt@example.com" {
		t.Errorf("sender %q", first.Alert.Sender)
	}
}
