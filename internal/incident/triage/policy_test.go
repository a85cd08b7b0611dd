package triage

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// A start with the policy of before writes nothing and settles nothing: a disk that is full
// would keep the watch from starting, and repeats could not be judged anew.
func TestSamePolicy(t *testing.T) {
	t.Parallel()
	st := incidenttest.FastStore(t, t.TempDir())
	p := incidenttest.Policy()
	p.Rules, p.Late = []incident.Rule{}, incident.Late{Quiet: time.Minute, Apart: time.Hour}
	p.Kinds, p.Nodes = []incident.KindPolicy{{Name: "trunk", Before: time.Minute}}, incident.Nodes{}
	open := func() {
		j, err := OpenJournal(st, incidenttest.Sites, p, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
	}
	open()
	open()
	plan, there, err := planFile(st).Load()
	if !there || err != nil || !plan.Cutoff.IsZero() {
		t.Errorf("%v, %v: the second start settled what came before %v", there, err, plan.Cutoff)
	}
	before, err := os.Stat(filepath.Join(st.Dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	p.Late, p.Settle, p.KeepSize = incident.Late{}, time.Hour, 7 // of no consequence for what is decided
	open()
	if after, err := os.Stat(filepath.Join(st.Dir, "plan.json")); err != nil || !os.SameFile(before, after) {
		t.Errorf("%v: it was written anew", err)
	}
}
