package status

import (
	"strings"
	"testing"
	"time"
)

// What keeps the fleet from what it adds is said, what passes by itself is not; an alert loses
// nothing by it unless it could come by no other way.
func TestJudgeFleet(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		f      Fleet
		key    string // empty: no problem
		says   string
		blocks bool
	}{
		"connected":      {Fleet{Hub: HubConnected, Since: ago(time.Hour)}, "", "", false},
		"just down":      {Fleet{Hub: HubDown, Since: ago(time.Second), Why: "refused"}, "", "", false},
		"down":           {Fleet{Hub: HubDown, Since: ago(time.Hour), Why: "connection refused"}, "fleet/hub", "connection refused", false},
		"only way":       {Fleet{Hub: HubDown, Since: ago(time.Second), Why: "connection refused", Alone: true}, "fleet/hub", "connection refused", true},
		"on its way":     {Fleet{Hub: HubConnected, Outbox: 3, Oldest: ago(time.Second)}, "", "", false},
		"waits":          {Fleet{Hub: HubConnected, Outbox: 1, Oldest: ago(time.Hour)}, "fleet/outbox", "1 alert waits for other collectors, the oldest since 13:14 UTC", false},
		"full":           {Fleet{Hub: HubConnected, Outbox: 10_000, Bytes: 50 << 20, Oldest: ago(time.Second), Full: ago(time.Second)}, "fleet/outbox", "too many alerts wait", false},
		"in the journal": {Fleet{Hub: HubConnected, Unsent: 7}, "fleet/outbox", "7 further ones of the last day stay in the journal", false},
		"refused":        {Fleet{Hub: HubConnected, Refused: 1}, "fleet/refused", "1 message", false},
		"fails soon":     {Fleet{Hub: HubConnected, Failing: []FleetFailure{{What: "directory", Error: "x", Since: ago(time.Second)}}}, "", "", false},
		"fails":          {Fleet{Hub: HubConnected, Failing: []FleetFailure{{What: "directory", Error: "no permission", Since: ago(time.Hour)}}}, "fleet/work", "(directory): no permission", false},
		"deaf":           {Fleet{Hub: HubConnected, Failing: []FleetFailure{{What: "site hq", Site: "hq", Error: "no consumer", Since: ago(time.Hour)}}}, "fleet/site/hq", "alerts of site hq", false},
		"deaf, only way": {Fleet{Hub: HubConnected, Alone: true, Failing: []FleetFailure{{What: "site hq", Site: "hq", Error: "no consumer", Since: ago(time.Hour)}}}, "fleet/site/hq", "no consumer", true},
		"soon heard":     {Fleet{Hub: HubConnected, Behind: []FleetBehind{{Sites: []string{"hq"}, Waiting: 300, LastsS: 2, LeftS: 1, WaitS: 1}}}, "", "", false},
		"late":           {Fleet{Hub: HubConnected, Behind: []FleetBehind{{Sites: []string{"hq"}, Waiting: 100_000, Heard: ago(49 * time.Hour), LastsS: 2, LeftS: 180, WaitS: 180}}}, "fleet/behind", "is heard some 3 min late: 100000 alerts wait at the hub for this collector, the last that was heard came there 2 days ago", false},
		"late, only way": {Fleet{Hub: HubConnected, Alone: true, Behind: []FleetBehind{{Sites: []string{"hq"}, Waiting: 100_000, LastsS: 2, LeftS: 180, WaitS: 180}}}, "fleet/behind", "an alert of hq that another collector sees now is heard some 3 min late", true},
		"beside":         {Fleet{Hub: HubConnected, Alone: true, Behind: []FleetBehind{{Sites: []string{"hq"}, Waiting: 100_000, LastsS: 90, LeftS: 180, Beside: true}}}, "fleet/behind", "old alerts of hq are still to be heard", false},
		"good for long":  {Fleet{Hub: HubConnected, Expires: now.Add(31 * 24 * time.Hour)}, "", "", false},
		"expires":        {Fleet{Hub: HubConnected, Alone: true, Expires: now.Add(29 * 24 * time.Hour)}, "fleet/certificate", "the hub's server expires in 29 days", false},
		"expired":        {Fleet{Hub: HubConnected, Expires: ago(time.Hour)}, "fleet/certificate", "has expired 1 h ago", false},
		"has left":       {Fleet{Left: true, Hub: HubDown, Outbox: 1, Oldest: ago(time.Hour), Why: "the configuration has no fleet"}, "fleet/hub", "no fleet", false},
	} {
		r := Report{Now: now, Fleet: &c.f}
		JudgeFleet(&r)
		switch {
		case c.key == "" && len(r.Problems) == 0:
		case len(r.Problems) != 1 || r.Problems[0].Key != c.key || !strings.Contains(r.Problems[0].What, c.says) || r.Problems[0].Blocks != c.blocks || r.Problems[0].Hint == "":
			t.Errorf("%s: %+v", name, r.Problems)
		}
	}
	r := Report{Now: now, Fleet: &Fleet{Left: true, Hub: HubDown}}
	if JudgeFleet(&r); strings.Contains(r.Problems[0].Hint, "tried again by itself") {
		t.Error(r.Problems[0].Hint)
	}
	r = Report{Now: now}
	JudgeFleet(&r) // it has none
	if len(r.Problems) > 0 {
		t.Error(r.Problems)
	}
}
