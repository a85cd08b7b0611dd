package status

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The first line answers for each site; each problem is that of the sites that its key
// leads to; a pause by hand is a failure, one of the schedule is none.
func TestHeadline(t *testing.T) {
	zone := time.FixedZone("EST", -5*3600)
	sites := func(n int) (list []Site) {
		list = []Site{{Site: "hq", Zone: zone}, {Site: "lab", Zone: zone}}
		for i := range n - 2 {
			list = append(list, Site{Site: fmt.Sprintf("s%03d", i)})
		}
		return list[:n]
	}
	report := func(n int, ps ...Problem) Report {
		r := Report{Now: now, Sites: sites(n), Problems: ps,
			Hosts:     []Host{{Name: "expe02", Sites: []string{"hq"}}, {Name: "both", Sites: []string{"hq", "lab"}}},
			Mailboxes: []Mailbox{{Name: "m/INBOX"}, {Name: "n/In/Lab", Sites: []string{"lab"}}, {Name: "n/In/HQ", Sites: []string{"hq"}}},
			Incidents: []Incident{{Incident: "i", Site: "lab"}}}
		return r
	}
	down := func(key string) Problem {
		return Problem{Key: key, What: "long words", Since: now.Add(-4 * time.Minute), Blocks: true}
	}
	paused := func(r Report, site, by string, d time.Duration) Report {
		r.Pauses = append(r.Pauses, Pause{site, now, now.Add(d), "switch upgrade", by})
		return r
	}
	const word = "host/expe02/unreachable"
	for _, tt := range []struct {
		r     Report
		want  string
		works bool
	}{
		{report(1), "Yes, an alert now would work.", true},
		{report(1, Problem{Key: "disk", What: "soon"}), "Yes, an alert now would work, but:", true},
		{report(1, down(word)), "No: expe02 unreachable for 4 min", false},
		{report(250), "Yes for all 250 sites.", true},
		{report(250, down(word)), "Yes for 249 sites; No for hq: expe02 unreachable for 4 min", false},
		{report(250, down("host/both/login")), "Yes for 248 sites; No for hq, lab: login to both refused for 4 min", false},
		{report(3, down("mailbox/m/INBOX")), "No for all 3 sites: mailbox m/INBOX down for 4 min", false},
		{report(3, down("mailbox/n/In/Lab/stuck")), "Yes for 2 sites; No for lab: mailbox n/In/Lab stuck for 4 min", false},
		{report(3, down("canary/n")), "Yes for 1 site; No for hq, lab: canary of n missing for 4 min", false},
		{report(3, down("incident/i/held")), "Yes for 2 sites; No for lab: logs not open for incident i for 4 min", false},
		{report(3, down("limit/lab")), "Yes for 2 sites; No for lab: alerts.limit of lab reached for 4 min", false},
		{report(3, down("host/expe02/other/thing")), "Yes for 2 sites; No for hq: long words (for 4 min)", false},
		{report(3, down("new")), "No for all 3 sites: long words (for 4 min)", false},
		{report(9, down("disk")), "No for all 9 sites: the store's disk full for 4 min", false},
		{report(3, Problem{Key: "heartbeat/b", Sites: []string{"s000"}, Blocks: true}), "Yes for 2 sites; No for s000: heartbeat b missing", false},
		{report(3, down(word), down("host/both/ban"), down("incident/i/late")), "Yes for 1 site; No for hq: expe02 unreachable for 4 min, both silent, perhaps banned for 4 min; " +
			"No for lab: both silent, perhaps banned for 4 min, incident i not sealed for 4 min", false},
		{paused(report(1), "", "joe", time.Hour), "No: paused until 10:14 EST, by joe: switch upgrade", false},
		{paused(report(1), "hq", BySchedule, time.Hour), "No, as planned: paused until 10:14 EST, by schedule: switch upgrade", true},
		{paused(report(3), "HQ", "the night shift", 24*time.Hour), "Yes for 2 sites; No for hq: paused until 2026-03-03 09:14 EST, by the night shift: switch upgrade", false},
		{paused(report(3), "lab", BySchedule, time.Hour), "Yes for 2 sites; No for lab: paused until 10:14 EST, by schedule: switch upgrade", true},
		{paused(paused(report(1), "hq", BySchedule, 5*time.Hour), "", "joe", time.Hour), "No: paused until 10:14 EST, by joe: switch upgrade", false},
		{paused(report(1, down(word)), "hq", BySchedule, time.Hour), "No: expe02 unreachable for 4 min", false},
		{paused(report(1, down(word)), "hq", "joe", time.Hour), "No: paused until 10:14 EST, by joe: switch upgrade", false},
		{report(7, down("limit/hq"), down("limit/lab"), down("limit/s000"), down("limit/s001"), down("limit/s002"), down("limit/s003")),
			"Yes for 1 site; No for hq: alerts.limit of hq reached for 4 min; No for lab: alerts.limit of lab reached for 4 min; " +
				"No for s000: alerts.limit of s000 reached for 4 min; No for s001: alerts.limit of s001 reached for 4 min; No for 2 more sites", false},
	} {
		tt.r.Finish()
		var words strings.Builder
		if err := tt.r.Write(&words); err != nil {
			t.Fatal(err)
		}
		if head, _, _ := strings.Cut(words.String(), "\n"); head != tt.want || tt.r.Works != tt.works {
			t.Errorf("%v %q\nwant %q", tt.r.Works, head, tt.want)
		}
	}
}

// Alerts that no site claims stand first, block nothing, and bear no foreign text in
// their keys.
func TestUnroutedProblems(t *testing.T) {
	at := now.Add(-time.Hour)
	r := Report{Now: now, Sites: []Site{{Site: "hq"}}, Unrouted: []Unrouted{
		{Cluster: "HQ_PROD", Alerts: 3, Since: at, Last: now, Meant: "hq-prod"}, {Cluster: "a \"b\"", Alerts: 1, Since: at, Last: at},
		{Node: "Cucm01", Alerts: 2, Since: at.Add(-24 * time.Hour), Last: at}, {Alerts: 2, Since: at, Last: at}, {Further: true, Alerts: 40, Since: at, Last: at}}}
	r.Add(Problem{Key: "disk", What: "low", Blocks: true})
	r.JudgeUnrouted(nil)
	r.Finish()
	var got []string
	for _, p := range r.Problems {
		got = append(got, p.Key+": "+p.What)
		if p.Key != "disk" && (p.Blocks || p.Hint == "" || !p.Since.Before(now)) {
			t.Errorf("%+v", p)
		}
	}
	if label("sha256-"+strings.Repeat("0", 32)) == "sha256-"+strings.Repeat("0", 32) {
		t.Error("a name may stand for another's hash")
	}
	want := []string{
		"unrouted/hq_prod: 3 alerts of cluster HQ_PROD came since 13:14 UTC; no site claims it; did you mean hq-prod?",
		"unrouted/sha256-HASH: an alert of cluster a \"b\" came at 13:14 UTC; no site claims it",
		"unrouted/node/cucm01: 2 alerts of node Cucm01 came since 2026-03-01 13:14 UTC; no site claims it",
		"unrouted/-: 2 alerts without cluster and node came since 13:14 UTC; no site claims it",
		"unrouted: 40 alerts of further clusters came since 13:14 UTC; no site claims them",
		"disk: low"}
	for i := range want {
		if i >= len(got) || got[i] != strings.Replace(want[i], "HASH", strings.TrimPrefix(label("a \"b\""), "sha256-"), 1) {
			t.Fatalf("%q\nwant %q", got, want[i])
		}
	}
}
