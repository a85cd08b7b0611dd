package triage

import (
	"context"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// TestUnexpire: an alert that was too old by a clock that was ahead for a while is grabbed once that is
// set right, also after a restart; one that is too old by then stays so.
func TestUnexpire(t *testing.T) {
	for name, restart := range map[string]bool{"running": false, "restarted": true} {
		t.Run(name, func(t *testing.T) {
			st, now := incidenttest.Store(t, t.TempDir()), incidenttest.T0
			open := func() *Journal {
				t.Helper()
				return incidenttest.Must(OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), nil, func() time.Time { return now }))(t)
			}
			j := open()
			defer func() { j.Close() }()
			young, old := incidenttest.AlertAt(0, "n1", 1), incidenttest.AlertAt(-48*time.Hour, "n2", 1)
			now = now.Add(26280 * time.Hour)
			if _, err := j.Add(context.Background(), young, []byte("mail"), false, now); err != nil {
				t.Fatal(err)
			}
			if _, err := j.Add(context.Background(), old, []byte("mail"), false, now); err != nil {
				t.Fatal(err)
			}
			if in := decide(t, j); len(in) != 0 {
				t.Fatalf("it started %v", in)
			}
			if changed, err := j.Unexpire(); changed || err != nil {
				t.Errorf("while the clock is ahead: %v, %v", changed, err)
			}
			now = incidenttest.T0.Add(time.Minute)
			if restart {
				j.Close()
				j = open()
			}
			if changed, err := j.Unexpire(); !changed || err != nil {
				t.Fatalf("%v, %v", changed, err)
			}
			in := decide(t, j)
			if w := incidenttest.Policy().Window(young.Time); len(in) != 1 || !incident.SameWindow(in[0].Asked, w) {
				t.Errorf("it started %v, want %v", in, w)
			}
			rec, err := st.Alert(old.ID)
			if err != nil || rec.What != incident.Expired || rec.Seen.After(now) {
				t.Errorf("%+v, %v", rec, err)
			}
			if changed, err := j.Unexpire(); changed || err != nil {
				t.Errorf("once more: %v, %v", changed, err)
			}
			if list := j.Expired(); len(list) != 1 || list[0].Till.After(now.Add(aheadBy)) {
				t.Errorf("%+v", list)
			}
		})
	}
}
