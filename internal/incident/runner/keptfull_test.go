package runner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testrace"
)

// Where old bundles take the room and may not go, they stay, the files are held, what fits is
// sealed when patience is over, and the rest is missing; nothing is sealed of nothing. Once
// they may go they pay.
func TestRoomThatIsPinned(t *testing.T) {
	const old = "19990101T000000Z-hq-aaaaaa"
	for name, c := range map[string]struct {
		full  []string // hosts for which there is no room
		unpin bool
		state incident.State
		want  evidence.Coverage
	}{
		"one host fits": {[]string{"expe01"}, false, incident.Sealed, evidence.Partial},
		"none fits":     {[]string{"expc01", "expe01"}, false, incident.Running, ""},
		"unpinned":      {[]string{"expc01", "expe01"}, true, incident.Sealed, evidence.Complete},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "unpinned" {
				testrace.Whole(t)
			}
			synctest.Test(t, func(t *testing.T) {
				st := incidenttest.FastStore(t, t.TempDir())
				putSealed(t, st, "hq", old, 9*time.Hour, 300)
				putSealed(t, st, "hq", "19990101T000001Z-hq-bbbbbb", 8*time.Hour, 300)
				for _, key := range []string{old, "19990101T000001Z-hq-bbbbbb"} {
					if err := incident.SetPin(st, key, incident.Pin{}); err != nil {
						t.Fatal(err)
					}
				}
				b := newBench(t, st)
				b.r.Reserve = &diskspace.Reserve{Keep: func() int64 { return 1000 }, Measure: func(string) (diskspace.Space, error) {
					if exists(st.IncidentDir(old)) {
						return diskspace.Space{Free: 900, Total: 1 << 20}, nil
					}
					return diskspace.Space{Free: 1200, Total: 1 << 20}, nil
				}}
				for _, host := range c.full {
					b.hosts[host].script = func(_ context.Context, _ int, p Pass) error {
						p.Held(time.Now())
						return b.r.Reserve.Refusal(100)
					}
				}
				j := b.journal()
				stop := b.watch(j)
				defer stop()
				b.alertNow(j, "n1", 1)
				p := incidenttest.Policy()
				time.Sleep(p.After + p.Patience/2)
				if l := b.list(); l[0].State != incident.Running {
					t.Errorf("before patience is over: %+v", l[0])
				}
				if c.unpin {
					if _, err := incident.Unpin(st, old); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Hour)
				l := b.list()
				if l[0].State != c.state || l[0].State == incident.Sealed && l[0].Coverage != c.want {
					t.Errorf("%+v", l[0])
				}
				if exists(st.IncidentDir(old)) == c.unpin || !exists(st.IncidentDir("19990101T000001Z-hq-bbbbbb")) {
					t.Error("what is pinned is removed, or what is not stays")
				}
				in, err := st.Load(l[0].Incident)
				if err != nil {
					t.Fatal(err)
				}
				states, err := st.HostStates(in)
				for host, h := range states {
					if h.Held.IsZero() {
						t.Errorf("%s was not held, %v", host, err)
					}
				}
			})
		})
	}
}
