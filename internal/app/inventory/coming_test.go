package inventory

import (
	"strings"
	"testing"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/material"
)

// What came since the bundle was made is named when its incident is shown, once.
func TestShowsWhatIsToCome(t *testing.T) {
	t.Parallel()
	st := incidenttest.FastStore(t, t.TempDir())
	in := put(t, st, 0, nil)
	m := evidence.Manifest{Incident: in.ID, Revision: 1, Site: "hq", Window: in.Asked, Asked: in.Asked, Notes: []string{"one"}}
	if err := st.ManifestFile(in.Key, 1).Save(m); err != nil {
		t.Fatal(err)
	}
	f := Finder{Store: func() (*incident.Store, error) { return st, nil }}
	show := func() []string {
		t.Helper()
		got, _, err := f.Manifest(t.Context(), in.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.Notes
	}
	if notes := show(); len(notes) != 1 {
		t.Errorf("nothing came: %q", notes)
	}
	at := incidenttest.T0
	w, err := material.Of(st, in.Key).Create("prt/SEP1-x.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	file, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	prt := evidence.PRT{Device: "SEP1", Path: file.Name, Received: at, Bytes: file.Bytes, SHA256: file.SHA256}
	reset := evidence.Reset{Device: "SEP2", By: "alice", At: at, State: evidence.ResetBack}
	err = material.Of(st, in.Key).Add(at, material.Change{Files: []material.Incoming{file}, PRTs: []evidence.PRT{prt}, Resets: []evidence.Reset{reset}})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(show(), "\n"); !strings.Contains(notes, "problem report (PRT) of SEP1, received") || !strings.Contains(notes, "the reset of SEP2 by alice at") || !strings.Contains(notes, "(back)") {
		t.Errorf("%s", notes)
	}
	m.Resets = []evidence.Reset{reset}
	m.PRTs = []evidence.PRT{prt}
	if err := st.ManifestFile(in.Key, 1).Save(m); err != nil {
		t.Fatal(err)
	}
	if notes := show(); len(notes) != 1 {
		t.Errorf("it is in the bundle: %q", notes)
	}
}
