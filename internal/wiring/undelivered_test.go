package wiring

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/incident"
)

// What waits to be handed over is known at once, also where the folder was read a moment ago,
// and so is that it has gone.
func TestUndelivered(t *testing.T) {
	t.Parallel()
	st, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "c"} {
		in := incident.Incident{ID: key, Key: key, Revisions: []incident.Revision{{Revision: 1}}}
		if key == "c" {
			in.Revisions[0].HandTo = []string{"share"}
		}
		if err := errors.Join(st.Create(key), st.Save(in)); err != nil {
			t.Fatal(err)
		}
	}
	waits := Undelivered(st)
	is := func(when string, want ...bool) {
		t.Helper()
		for i, key := range []string{"a", "b", "c", "gone"} {
			if got := waits(key); got != want[i] {
				t.Errorf("%s: %s waits: %v", when, key, got)
			}
		}
	}
	is("nothing was ever handed over", false, false, true, true)
	dir := Jobs(st).Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	job := filepath.Join(dir, handover.Name("b", 1, "share")+".json")
	long := time.Now().Add(-time.Hour)
	for range 2 { // the second time by what was read before
		os.Chtimes(dir, long, long)
		is("nothing waits", false, false, true, true)
	}
	if err := os.WriteFile(job, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	is("one waits", false, true, true, true)
	if err := os.Remove(job); err != nil {
		t.Fatal(err)
	}
	is("it is delivered", false, false, true, true)
}
