package wiring

import (
	"strings"
	"testing"

	"rtmtgrab/internal/config"
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
