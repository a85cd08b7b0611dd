package incident

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A folder without a record is removed if there is nothing in it; what a partial copy of a store
// has stays. A record in a state of a later version is not read, and nothing becomes of it.
func TestForeignFolders(t *testing.T) {
	s, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	for key, file := range map[string]string{"empty": "lock", "torn": "incident.json.1.part", "slices": "hosts/expc01/messages.1.raw", "manifest": "manifest-r1.json"} {
		if err := s.Create(key); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(s.IncidentDir(key), filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(s.IncidentDir(key), long, long); err != nil {
			t.Fatal(err)
		}
	}
	later := Incident{Key: "later", ID: "later", State: "archived", Revisions: []Revision{{Revision: 1, Sealed: long}}}
	if err := s.Create(later.Key); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(later); err != nil {
		t.Fatal(err)
	}

	var said []string
	all, err := s.IncidentsOnDisk(func(what string, args ...any) { said = append(said, what+" "+fmt.Sprint(args...)) })
	keys, _ := s.Keys()
	if err != nil || len(all) != 0 || strings.Join(keys, " ") != "later manifest slices" || len(said) != 3 {
		t.Errorf("%v, %v, folders %v, %q", err, all, keys, said)
	}
	if list, err := s.List(); err == nil || len(list) != 0 || !strings.Contains(err.Error(), `a later version of grab wrote it: its state is "archived"`) {
		t.Errorf("%v, %v", list, err)
	}
	if l, err := Withdraw(s, "later", func(in Incident) (Removal, bool) { return RemovalOf(s, in, time.Now(), "old"), true }); l != nil || err == nil {
		t.Errorf("it was removed: %v", err)
	}
}
