package status

import (
	"strings"
	"testing"
	"time"
)

// What a proof has shown is a problem, and so is that there is none, or an old one.
func TestJudgeProof(t *testing.T) {
	family := func(f Family) []Family { f.Name, f.Proven = "messages", now.Add(-2*time.Minute); return []Family{f} }
	proven := Seen{Proven: now.Add(-2 * time.Minute)}
	for name, tt := range map[string]struct {
		h    Host
		p    Proving
		want string // "" nothing; "!": it blocks
		says string
	}{
		"proven":                                {h: Host{Seen: proven, Families: family(Family{})}},
		"it is three periods old":               {h: Host{Seen: Seen{Proven: now.Add(-181 * time.Second)}}, want: "!host/h/stale", says: "last looked at 3m1s ago"},
		"never":                                 {want: "!host/h/stale", says: "nobody has looked"},
		"paused":                                {p: Proving{Paused: true}},
		"no session is kept":                    {h: Host{Seen: Seen{Known: now.Add(-3 * time.Hour)}}, p: Proving{Before: 1}, says: "nobody has looked at it for 3 h"},
		"and the last grab got nothing":         {h: Host{Seen: Seen{Failed: "no answer", FailedAt: now.Add(-time.Hour)}}, p: Proving{Before: 1}, want: "host/h/last", says: "nobody has looked since: no answer"},
		"nothing was got, and it was proven":    {h: Host{Seen: Seen{Proven: now.Add(-2 * time.Minute), Failed: "no answer"}, Families: family(Family{})}},
		"nor was it ever looked at":             {p: Proving{Before: 1}, says: "nobody has looked at it yet"},
		"the folder":                            {h: Host{Seen: Seen{Proven: now, ProofError: "no folder /x"}}, want: "!host/h/logs", says: "h: no folder /x"},
		"of the families nothing is known then": {h: Host{Seen: Seen{Proven: now, ProofError: "no folder /x"}, Families: family(Family{Error: "no file of messages"})}, want: "!host/h/logs", says: "h: no folder /x"},
		"a family":                              {h: Host{Seen: proven, Families: family(Family{Error: "no file of messages"})}, want: "!host/h/logs/messages", says: "no file"},
		"it has stopped":                        {h: Host{Seen: proven, Families: family(Family{Growth: &Growth{Kind: "stopped", StillS: 900, UsualS: 60}})}, want: "!host/h/still/messages", says: "nothing came for 15 min"},
		"all have":                              {h: Host{Seen: proven, Families: family(Family{Growth: &Growth{Kind: "growing", StillS: 900, UsualS: 60}})}, want: "host/h/still/messages", says: "all other logs"},
		"not for long":                          {h: Host{Seen: proven, Families: family(Family{Growth: &Growth{Kind: "growing", StillS: 500, UsualS: 60}})}},
		"it is not known whether":               {h: Host{Seen: proven, Families: family(Family{Growth: &Growth{Kind: "unknown", StillS: 9000, UsualS: 60}})}, says: "has not grown for 2h30m"},
		"its clock leapt":                       {h: Host{Seen: Seen{Proven: now, Stepped: now.Add(-time.Minute), SteppedMS: -30000}}, want: "!host/h/step", says: "leapt back by 30 s"},
		"its clock is unknown again":            {h: Host{ClockMS: ms(3), Seen: Seen{Proven: now, ClockError: "no date"}}, want: "host/h/clock/unknown", says: "no date"},
		"its records are of the future":         {h: Host{Seen: Seen{Proven: now, ClockError: "no date", AheadS: 300}}, want: "!host/h/ahead", says: "cannot be measured and is ahead, by 5 min at least"},
		"its clock never was":                   {h: Host{Seen: Seen{Proven: now, ClockError: "no date"}}},
	} {
		r := Report{Now: now, Started: now.Add(-time.Hour)}
		tt.h.Name = "h"
		if tt.p == (Proving{}) {
			tt.p.Warm = true
		}
		tt.p.Period, tt.p.Before = time.Minute, 20*time.Minute
		r.JudgeProof(tt.h, tt.p)
		r.JudgeLogs(tt.h, Need{Before: 20 * time.Minute})
		r.Finish()
		got, what := "", strings.Join(r.Notes, "; ")
		for _, p := range r.Problems {
			if got += p.Key; p.Blocks {
				got = "!" + got
			}
			what += p.What
			if p.Hint == "" {
				t.Errorf("%s: no hint", name)
			}
		}
		if got != tt.want || !strings.Contains(what, tt.says) || tt.says == "" && what != "" {
			t.Errorf("%s: %q %q, want %q", name, got, what, tt.want)
		}
	}
}
