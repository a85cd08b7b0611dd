package status

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)

func ms(n int64) *int64 { return &n }

// TestProblems: what is wrong, in which words, and whether an alert would suffer.
func TestProblems(t *testing.T) {
	up := Mailbox{Name: "m/INBOX", Server: "imap:993", Connected: true, Turned: now.Add(-time.Second)}
	down := Mailbox{Name: "m/INBOX", Server: "imap:993", Turned: now, Since: now.Add(-time.Hour), Error: "connection refused"}
	stuck, broken, begun := up, down, Mailbox{Name: "m/INBOX", Turned: now}
	stuck.Turned = now.Add(-4 * time.Minute)
	broken.Broken = true
	box := func(m Mailbox) func(*Report) { return func(r *Report) { r.JudgeMailbox(m, "do this") } }

	need := Need{Before: 15 * time.Minute, After: 5 * time.Minute, Every: 5 * time.Second}
	logs := func(depth time.Duration, young bool, ring *Ring) func(*Report) {
		return func(r *Report) {
			r.JudgeLogs(Host{Name: "expc01", Ring: ring, Families: []Family{{Name: "messages", DepthS: depth.Seconds(), Young: young, Proven: now}}}, need)
		}
	}
	ring := func(depth, age time.Duration) *Ring { return &Ring{DepthS: depth.Seconds(), Last: now.Add(-age)} }
	clocks := func(sites string, offsets ...int64) func(*Report) {
		return func(r *Report) {
			for i, o := range offsets {
				r.Hosts = append(r.Hosts, Host{Name: string(rune('a' + i)), Sites: []string{sites[i : i+1]}, ClockMS: ms(o)})
			}
			r.JudgeClocks()
		}
	}
	disk := func(free int64, days float64) func(*Report) {
		return func(r *Report) { r.Disk = Disk{FreeBytes: free, DaysLeft: days}; r.JudgeDisk() }
	}
	incident := func(in Incident) func(*Report) {
		return func(r *Report) {
			in.Incident = "i"
			r.Incidents = []Incident{in}
			r.JudgeIncidents(time.Minute)
		}
	}
	cucmAccounts := func(list ...CUCM) func(*Report) {
		return func(r *Report) { r.CUCM = list; JudgeCUCM(r) }
	}
	for _, tt := range []struct {
		name  string
		judge func(*Report)
		want  string // key and words, "!" before those that block; empty: no problem
	}{
		{"mailbox up", box(up), ""},
		{"mailbox down", box(down), "!mailbox/m/INBOX: mailbox m/INBOX at imap:993 is down: connection refused (do this)"},
		{"mailbox stuck", box(stuck), "!mailbox/m/INBOX/stuck: mailbox m/INBOX: grab watch has been stuck for more than 3 min"},
		{"mailbox broken", box(broken), "!mailbox/m/INBOX: mailbox m/INBOX is not watched, its configuration cannot work: connection refused"},
		{"mailbox not yet", box(begun), "!mailbox/m/INBOX: mailbox m/INBOX is not connected yet"},
		{"logs deep", logs(40*time.Minute, false, nil), ""},
		{"logs young", logs(16*time.Minute, true, nil), ""},
		{"logs too young", logs(time.Minute, true, nil), "!host/expc01/logs/messages: expc01 keeps 1 min of messages; an alert needs 20 min plus the mail's delay"},
		{"logs shallow", logs(39*time.Minute, false, nil), "host/expc01/logs/messages: expc01 keeps 39 min of messages; an alert needs 20 min plus the mail's delay"},
		{"logs too shallow", logs(14*time.Minute, false, nil), "!host/expc01/logs/messages: expc01 keeps 14 min of messages"},
		{"logs too shallow, with a ring", logs(14*time.Minute, false, ring(30*time.Minute, time.Second)), "host/expc01/logs/messages: expc01 keeps 14 min of messages; an alert needs 20 min plus the mail's delay (the ring holds 30 min: no alert loses anything"},
		{"logs too shallow, ring too", logs(14*time.Minute, false, ring(10*time.Minute, time.Second)), "!host/expc01/logs/messages: expc01 keeps 14 min of messages; an alert needs 20 min plus the mail's delay (the ring holds 10 min, which is not enough"},
		{"ring stale", logs(time.Hour, false, ring(30*time.Minute, 2*time.Minute)), "host/expc01/ring: the ring of expc01 has received nothing for more than 1m15s"},
		{"ring empty", logs(time.Hour, false, &Ring{}), "host/expc01/ring: the ring of expc01 is empty"},
		{"clock far off", func(r *Report) { r.JudgeLogs(Host{Name: "x", ClockMS: ms(-61000)}, need) }, "host/x/clock: the clock of x is 1m1s behind"},
		{"clock a little off", func(r *Report) { r.JudgeLogs(Host{Name: "x", ClockMS: ms(59000)}, need) }, ""},
		{"an expired alert", func(r *Report) {
			JudgeExpired(r, Expired{Alerts: 1, Since: now.Add(-time.Hour), Last: now, Age: 30 * time.Hour}, nil)
		}, "expired: an alert that came at 13:14 UTC was 1d6h old, older than mail.max_age: nothing was grabbed for it (if grab watch"},
		{"expired alerts", func(r *Report) {
			JudgeExpired(r, Expired{Alerts: 3, Since: now.Add(-time.Hour), Last: now, Age: 30 * time.Hour}, nil)
		}, "expired: 3 alerts came since 13:14 UTC that were older than mail.max_age when they were read, the last 1d6h old: nothing was grabbed for them (if grab watch"},
		{"no expired alert", func(r *Report) { JudgeExpired(r, Expired{}, nil) }, ""},
		{"CUCM refuses", cucmAccounts(CUCM{Cluster: "Main", Account: AccountCUCM, Blocked: true, Error: "grab was refused", Names: true, Hint: "do this"}),
			"!cucm/main/login: CUCM cluster Main is asked nothing: a login was refused, and none is tried again, for CUCM locks the account: grab was refused (do this)"},
		{"CUCM without a password", cucmAccounts(CUCM{Cluster: "Main", Account: AccountCUCM, Error: "no such file", Hint: "do this"}), "cucm/main/login: CUCM cluster Main is asked nothing: no login can be made: no such file (do this)"},
		{"CUCM refuses resets", cucmAccounts(CUCM{Cluster: "Main", Account: AccountReset, Blocked: true, Error: "axl was refused", Hint: "do this"}), "cucm/main/reset: no phone of CUCM cluster Main can be reset: a login was refused"},
		{"CUCM does well", cucmAccounts(CUCM{Cluster: "Main", Account: AccountCUCM, Names: true}), ""},
		{"clocks agree", clocks("hh", 400, -400), ""},
		{"clocks apart", clocks("hh", 900, -200), "site/h/clock: the clocks of b and a, of site h, are 1.1 s apart"},
		{"clocks of sites apart", clocks("hk", 900, -200), ""},
		{"this clock", clocks("hh", 5000, 5400), "clock: the clock of this machine is wrong, if those of all 2 hosts are right: to it they are 5 s ahead"},
		{"this clock, far", clocks("hh", -70000, -70400), "!clock: "},
		{"this clock, far, and hosts apart", clocks("hk", -3600000, -3601500), "!clock: the clock of this machine is wrong, if those of all 2 hosts are right: to it they are 1 h behind"},
		{"hosts too far apart for this clock", clocks("hk", 70000, 80000), ""},
		{"hosts astray both ways", clocks("hk", 70000, -70000), ""},
		{"one clock says nothing of this one", clocks("h", 5000), ""},
		{"disk", disk(2<<30, 0), ""},
		{"disk reserve", func(r *Report) { r.Disk = Disk{FreeBytes: 5 << 30, ReserveBytes: 5 << 30}; r.JudgeDisk() }, ""},
		{"disk reserve touched", func(r *Report) { r.Disk = Disk{FreeBytes: 5<<30 - 1, ReserveBytes: 5 << 30}; r.JudgeDisk() },
			"!disk: only 5.0 GiB are free for the store, and 5.0 GiB are reserved (keep.free): alerts are accepted and files kept open, but nothing is copied"},
		{"small disk, all reserved", func(r *Report) { r.Disk = Disk{FreeBytes: 1 << 29, ReserveBytes: 1 << 28}; r.JudgeDisk() }, ""},
		{"disk low", disk(1<<29, 0), "!disk: only 512.0 MiB are free"},
		{"disk soon full", disk(2<<30, 2.5), "disk: the store's disk will be full in 2.5 days"},
		{"disk not soon full", disk(2<<30, 3.5), ""},
		{"incident", func(r *Report) {
			r.Incidents = []Incident{{Incident: "i"}, {Incident: "j", Error: "no"}}
			r.JudgeIncidents(time.Minute)
		}, "incident/j: incident j cannot be finished: no"},
		{"damaged files", func(r *Report) {
			r.JudgeAside([]string{"a.damaged-1", "b", "c", "d", "e", "f"})
		}, "damaged: files of the store were damaged and set aside, and start again empty: a.damaged-1, b, c, d, e and 1 more"},
		{"no damaged files", func(r *Report) { r.JudgeAside(nil) }, ""},
		{"incident not held", incident(Incident{Since: now.Add(-61 * time.Second), Waiting: []string{"expc01"}}), "!incident/i/held: incident i waits for its hosts: the logs of expc01 are not open after 1 min"},
		{"incident begun", incident(Incident{Since: now.Add(-59 * time.Second), Waiting: []string{"expc01"}}), ""},
		{"incident not sealed", incident(Incident{Since: now.Add(-40 * time.Minute), Until: now.Add(-16*time.Minute - time.Second)}), "!incident/i/late: incident i has no bundle more than 15 min after its time"},
		{"incident copies", incident(Incident{Since: now.Add(-40 * time.Minute), Until: now.Add(-16 * time.Minute)}), ""},
		{"incident stands by", incident(Incident{Since: now.Add(-40 * time.Minute), Until: now.Add(-16*time.Minute - time.Second), Standing: "standing by: dmz-b seals it"}), "incident/i/standing: incident i has no bundle more than 15 min after its time: standing by: dmz-b seals it"},
		{"incident stands by for the delivery", incident(Incident{Since: now.Add(-40 * time.Minute), Until: now.Add(-16 * time.Hour), Standing: "standing by for the delivery", Sealed: true}), ""},
		{"incident of before the start", func(r *Report) {
			r.Started = now.Add(-50 * time.Second)
			incident(Incident{Since: now.Add(-4 * time.Hour), Until: now.Add(-4 * time.Hour), Waiting: []string{"expc01"}})(r)
		}, ""},
	} {
		r := Report{Now: now, Started: now.Add(-time.Hour), Store: "/s"}
		tt.judge(&r)
		r.Finish()
		var got []string
		for _, p := range r.Problems {
			mark := ""
			if p.Blocks {
				mark = "!"
			}
			got = append(got, mark+p.Key+": "+p.What+" ("+p.Hint+")")
			if p.Hint == "" {
				t.Errorf("%s: no hint", tt.name)
			}
		}
		if ok := len(got) == 1 && strings.HasPrefix(got[0], tt.want) || len(got) == 0 && tt.want == ""; !ok || len(got) == 1 && tt.want == "" {
			t.Errorf("%s: %q\nwant %q", tt.name, got, tt.want)
		}
		if r.Works != !strings.HasPrefix(tt.want, "!") {
			t.Errorf("%s: works %v", tt.name, r.Works)
		}
	}
	// A ring that has only begun is no problem.
	r := Report{Now: now, Started: now.Add(-time.Minute)}
	r.JudgeLogs(Host{Name: "x", Ring: &Ring{}}, need)
	if len(r.Problems) > 0 {
		t.Error(r.Problems)
	}
}

func TestDaysLeft(t *testing.T) {
	for _, tt := range []struct {
		free    int64
		perDay  float64
		keep    int
		bundles map[int]int64
		want    float64
	}{
		{1000, 0, 30, nil, 0},
		{1000, 100, 0, nil, 10},
		{1000, 100, 5, nil, 0}, // after 5 days as much goes as comes
		{1000, 100, 11, nil, 10},
		{250, 100, 30, nil, 2.5},
		{250, 100, 30, map[int]int64{30: 100, 29: 100}, 4.5}, // two bundles go meanwhile
		{0, 100, 30, nil, 0.01},
	} {
		if got := DaysLeft(tt.free, tt.perDay, tt.keep, tt.bundles); math.Abs(got-tt.want) > 0.001 {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// full is a report in which everything stands.
func full() Report {
	r := Report{Now: now, Started: now.Add(-26 * time.Hour), Version: "1.2", Config: "/etc/grab/grab.yaml", Store: "/var/lib/grab",
		Disk: Disk{FreeBytes: 5 << 30, UsedBytes: 3 << 20, DaysLeft: 12.5},
		Mailboxes: []Mailbox{
			{Name: "rtmt/INBOX", Server: "imap.example.com:993", Connected: true, Idle: true, Since: now.Add(-time.Hour), Answer: now.Add(-4 * time.Second), Turned: now,
				UIDValidity: 7, UID: 1234, Newest: now.Add(-2 * time.Hour), TokenTill: now.Add(30 * time.Minute)},
			{Name: "rtmt/Old", Sites: []string{"hq"}, Server: "imap.example.com:993", Since: now.Add(-time.Hour), Turned: now, Retry: now.Add(time.Minute), Attempts: 9, Error: "connection refused"}},
		Sites:    []Site{{Site: "hq"}, {Site: "lab"}, {Site: "east"}},
		Unrouted: []Unrouted{{Cluster: "HQ_PROD", Alerts: 3, Since: now.Add(-time.Hour), Last: now, Meant: "hq-prod"}},
		Clusters: []Cluster{{"East", time.Time{}}, {"StandAloneCluster", now.Add(-2 * time.Hour)}},
		Hosts: []Host{
			{Name: "expc01", Role: "C", Address: "10.0.30.2:22", Sites: []string{"hq", "lab"}, Warm: "up", Since: now.Add(-time.Hour), Login: now.Add(-time.Hour), HostKey: "SHA256:abc",
				ClockMS: ms(-12), Seen: Seen{Level: "yes", Proven: now.Add(-12 * time.Second)}, Families: []Family{{Name: "messages", DepthS: 7200, PerMin: 1 << 20, Proven: now.Add(-12 * time.Second), Newest: now.Add(-13 * time.Second)}}, Ring: &Ring{DepthS: 1800, Bytes: 9 << 20, PerMin: 5, Last: now.Add(-3 * time.Second)}},
			{Name: "expe01", Role: "E", Address: "10.0.40.5:22", Sites: []string{"hq"}, Warm: "blocked", Since: now.Add(-time.Hour), Refused: now.Add(-time.Hour), Banned: true, Seen: Seen{Level: "unknown"}, Error: "login refused"}},
		Incidents: []Incident{{"20260302T141407Z-hq-3fa2c1", "hq", "running", now, "", "disk", time.Time{}, nil, "standing by: dmz-b seals it", false}},
		Canaries:  []Canary{{Mailbox: "rtmt", Every: 900, Sent: now.Add(-time.Minute), Seen: now.Add(-50 * time.Second), DelayS: 2.5, Missing: true}},
		Beats:     []Heartbeat{{"daily", 90000, now.Add(-time.Hour), false}},
		Drills: []Drill{{Site: "far", Next: now.Add(30 * time.Hour)}, {Site: "hq", At: now.Add(-time.Hour), OK: true, Scheduled: true, Next: now.Add(6 * 24 * time.Hour)},
			{Site: "rome", At: now.Add(-time.Minute), Step: "held", Host: "expe09", Error: "connection refused"}},
		Pauses: []Pause{{"lab", now, now.Add(2 * time.Hour), "upgrade", "joe"}, {"east", now, now.Add(11 * time.Hour), "", BySchedule}}, Held: 2}
	r.Queue.Count([]Copy{{Incident: "20260302T141407Z-hq-3fa2c1", Site: "hq", Host: "expc01", Copies: true, Left: 42 << 20, Safe: now.Add(90 * time.Second)},
		{Incident: "20260302T141407Z-lab-99aa00", Site: "lab", Host: "expc01", Left: 1 << 30, Since: now.Add(-5 * time.Second)},
		{Incident: "20260302T141407Z-east-77bb11", Site: "east", Host: "expe07", Safe: now.Add(-3 * time.Second), Since: now.Add(-2 * time.Second)}})
	r.Add(Problem{Key: "disk", What: "soon full", Hint: "make room"})
	r.Add(Problem{Key: "host/expe01/login", What: "expe01 refuses", Hint: "fix it", Since: now.Add(-time.Hour), Blocks: true})
	r.JudgeUnrouted(nil)
	r.JudgeMailbox(r.Mailboxes[1], "start it")
	r.Finish()
	return r
}

// The words for a terminal and the shape of the JSON are as people and scripts know
// them. `go test -update` writes them anew.
func TestGolden(t *testing.T) {
	var words bytes.Buffer
	if err := full().Write(&words); err != nil {
		t.Fatal(err)
	}
	doc, err := json.MarshalIndent(full(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	empty := Report{Now: now, Started: now}
	empty.Finish()
	bare, _ := json.MarshalIndent(empty, "", "  ")
	if bytes.Contains(bare, []byte("null")) {
		t.Errorf("%s", bare)
	}
	for name, got := range map[string][]byte{"full.txt": words.Bytes(), "full.json": append(doc, '\n'), "empty.json": append(bare, '\n')} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}
