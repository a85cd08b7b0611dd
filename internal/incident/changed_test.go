package incident

import (
	"os"
	"testing"
	"time"
)

// TestChanged: each record is read when it is new and when it was written again, by
// whomever, and no more; one that cannot be read is asked for again.
func TestChanged(t *testing.T) {
	s := newStore(t)
	seen := map[string]time.Time{}
	look := func(bad bool) (list string) {
		t.Helper()
		all, err := s.Changed(seen)
		if (err != nil) != bad {
			t.Fatal(err)
		}
		for _, in := range all {
			list += in.Key + " " + string(in.State) + ";"
		}
		return list
	}
	put := func(key string, state State, age time.Duration) {
		t.Helper()
		if err := s.Save(Incident{Key: key, State: state}); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(s.incidentFile(key).Path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"a", "b", "claimed"} {
		if err := os.MkdirAll(s.IncidentDir(key), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put("a", Running, time.Hour)
	put("b", Sealed, 2*time.Hour)
	if got := look(false); got != "a running;b sealed;" {
		t.Error(got)
	}
	if got := look(false); got != "" {
		t.Error(got)
	}
	put("a", Sealed, time.Minute)
	if got := look(false); got != "a sealed;" {
		t.Error(got)
	}
	put("a", Sealed, 0) // the file system's clock may stand still
	if look(false); look(false) != "a sealed;" {
		t.Error("what was written just now was looked at once only")
	}
	put("a", Sealed, time.Minute)
	look(false)
	if err := os.RemoveAll(s.IncidentDir("b")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.incidentFile("claimed").Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if look(true); len(seen) != 2 {
		t.Errorf("%v", seen)
	}
	put("claimed", Failed, time.Hour)
	if got := look(false); got != "claimed failed;" {
		t.Error(got)
	}
}

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
