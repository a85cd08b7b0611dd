package incident_test

import (
	"testing"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// What a killed process has left is taken up, once; what somebody works at, or what is nobody's to take, is not.
func TestTakeUp(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	put := func(name string, kind incident.Kind, state incident.State, frozen bool) string {
		in := incident.Incident{ID: incident.MakeID(incidenttest.T0, name, "aaaaaa"), Site: name, Kind: kind, State: state, Frozen: frozen}
		in.Key = in.ID
		if err := st.Create(in.Key); err != nil {
			t.Fatal(err)
		}
		if err := st.Save(in); err != nil {
			t.Fatal(err)
		}
		return in.Key
	}
	killed := put("killed", incident.KindNow, incident.Running, false)
	put("sealed", incident.KindNow, incident.Sealed, true)
	put("drill", incident.KindDrill, incident.Running, false)
	put("alert", incident.KindAlert, incident.Waiting, false)
	works := put("works", incident.KindAlert, incident.Sealing, true)
	lock, err := st.LockIncident(works)
	if err != nil {
		t.Fatal(err)
	}
	left := incident.NewLeft(incident.NewTable(st))
	want := func(key string) {
		t.Helper()
		got := left.TakeUp()
		if key == "" && len(got) > 0 || key != "" && (len(got) != 1 || got[0].Key != key) {
			t.Errorf("taken up are %+v, want %q", got, key)
		}
	}
	if !incident.IsLeft(st, killed, incident.Running) || incident.IsLeft(st, works, incident.Sealing) || incident.IsLeft(st, killed, incident.Waiting) {
		t.Error("it is not known what is left")
	}
	want(killed)
	want("")
	lock.Release() // as its process ends
	want(works)
	want("")
}
