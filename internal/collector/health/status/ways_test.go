package status

import (
	"fmt"
	"strings"
	"testing"
)

// What is wrong with a way for alerts is in the way of the sites to which no other way is left.
func TestOnlyWay(t *testing.T) {
	poll := func(site, err string) Poll {
		return Poll{Cluster: "c-" + site, Node: "n", Error: err, Failed: 2, Sites: []string{site}}
	}
	mail := func(sites ...string) Mailbox { return Mailbox{Name: "m/INBOX", Connected: true, Sites: sites} }
	hook, deafHook := &Webhook{}, &Webhook{Secret: "no such file"}
	for name, tt := range map[string]struct {
		r    Report
		want string // the sites that do not work
	}{
		"polls alone":                        {Report{Polls: []Poll{poll("hq", "refused"), poll("lab", "")}}, "hq"},
		"polls alone, all":                   {Report{Polls: []Poll{poll("hq", "refused"), poll("lab", "refused")}}, "hq lab"},
		"mails too":                          {Report{Mailboxes: []Mailbox{mail()}, Polls: []Poll{poll("hq", "refused")}, Webhook: deafHook}, ""},
		"mails of another site":              {Report{Mailboxes: []Mailbox{mail("lab")}, Polls: []Poll{poll("hq", "refused")}}, "hq"},
		"a webhook too":                      {Report{Polls: []Poll{poll("hq", "refused")}, Webhook: hook}, ""},
		"a webhook too, which is deaf":       {Report{Polls: []Poll{poll("hq", "refused"), poll("lab", "")}, Webhook: deafHook}, "hq"},
		"a webhook alone":                    {Report{Webhook: deafHook}, "hq lab"},
		"a webhook, and mails of one site":   {Report{Webhook: deafHook, Mailboxes: []Mailbox{mail("lab")}}, "hq"},
		"other collectors too":               {Report{Webhook: deafHook, Fleet: &Fleet{Hub: HubConnected}}, ""},
		"other collectors, out of reach now": {Report{Webhook: deafHook, Fleet: &Fleet{Hub: HubDown}}, "hq lab"},
	} {
		r := tt.r
		r.Now, r.Sites = now, []Site{{Site: "hq"}, {Site: "lab"}}
		JudgeWebhook(&r)
		JudgePolls(&r)
		r.Finish()
		var no []string
		for _, s := range r.Sites {
			if !s.Works {
				no = append(no, s.Site)
			}
		}
		if got := strings.Join(no, " "); got != tt.want || r.Works != (tt.want == "") {
			t.Errorf("%s: not %q, want %q; %+v", name, got, tt.want, r.Problems)
		}
	}
}

// What RTMT's alert should be on is said when the counter was looked at for a whole day: else a
// phone that is partial now would set the bar for all that come.
func TestPollAdvice(t *testing.T) {
	for _, tt := range []struct {
		low    int64
		days   int
		advice bool
	}{{0, 1, true}, {2, 1, false}, {2, 2, false}, {2, 3, true}} {
		var out strings.Builder
		if err := (Report{Now: now, Polls: []Poll{{Cluster: "c", Node: "n", Over: &tt.low, OverDays: tt.days}}}).Write(&out); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), fmt.Sprintf("should be on over %d", tt.low)); got != tt.advice {
			t.Errorf("%+v: %s", tt, out.String())
		}
	}
}

// A rate that is not known, as right behind a rotation, is not one of nothing.
func TestRateUnknown(t *testing.T) {
	for rate, says := range map[int64]bool{0: false, 1 << 20: true} {
		var out strings.Builder
		if err := (Report{Now: now, Hosts: []Host{{Name: "expc01", Families: []Family{{Name: "messages", DepthS: 7200, PerMin: rate}}}}}).Write(&out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "messages: keeps 2 h") || strings.Contains(out.String(), "grows") != says {
			t.Errorf("%d: %s", rate, out.String())
		}
	}
}
