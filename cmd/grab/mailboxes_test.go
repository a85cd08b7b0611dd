package main

import (
	"strings"
	"testing"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// check looks at every folder of every mailbox, and names causes.
func TestCheckMailboxes(t *testing.T) {
	t.Parallel()
	o := testsite.NewOffice(t)
	o.Write(o.ByToken(", mailbox: [INBOX, Alerts]"), o.ByPassword(), strings.Replace(o.ByToken(", mailbox: Alertz"), "name: token", "name: lost", 1))
	rep, r := (&labConfig{o.Site}).check()
	var lines []string
	for _, f := range rep.Checks {
		if f.What == "mailbox" {
			lines = append(lines, f.Status+" "+f.Detail)
		}
	}
	if len(lines) != 4 || !strings.Contains(lines[0], "ok rtmt@example.com at ") || !strings.Contains(lines[1], "Alerts: 1 mail") || !strings.Contains(lines[2], "ok grab@example.com") ||
		!strings.HasPrefix(lines[3], "FAIL") || !strings.Contains(lines[3], `there are "Alerts", "INBOX"`) && !strings.Contains(lines[3], `there are "INBOX", "Alerts"`) {
		t.Fatalf("%s\n%s", strings.Join(lines, "\n"), r)
	}
	for _, c := range []struct {
		do           testserver.TokenBehaviour
		detail, hint string
	}{
		{testserver.TokenBehaviour{Error: "invalid_client", Status: 401, Text: "AADSTS7000222: The provided client secret keys for app are expired. {secret}"}, "AADSTS7000222", "the client secret has expired"},
		{testserver.TokenBehaviour{Worthless: true}, "the server said about the token", "the mail server refuses the token"},
	} {
		o.Tokens.Behave(c.do)
		o.Write(o.ByToken(""))
		rep, r := (&labConfig{o.Site}).check()
		wantFinding(t, rep, "", "mailbox", checkup.StatusFail, c.detail, c.hint)
		for _, secret := range []string{o.Tokens.Secret, "access-"} {
			if strings.Contains(r.out+r.err, secret) {
				t.Errorf("a secret is shown: %s", r)
			}
		}
	}
}
