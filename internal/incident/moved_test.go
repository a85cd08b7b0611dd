package incident

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// A store that was moved, copied or restored elsewhere as a whole has its own bundles, and no
// others'; what somebody had put into a folder of his own is left there.
func TestMovedStore(t *testing.T) {
	dir := t.TempDir()
	old, err := OpenStore(filepath.Join(dir, "old"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string) string {
		t.Helper()
		if err := os.WriteFile(name, []byte("bundle"), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	const key = "20260302T141407Z-hq-3fa2c1"
	first, second := write(filepath.Join(old.Bundles(), key+".zip")), write(filepath.Join(dir, key+"-r2.zip"))
	in := Incident{Key: key, ID: key, Site: "hq", State: Sealed, Kind: KindAlert, Bundle: second, Revisions: []Revision{
		{Revision: 1, Bundle: first, Coverage: evidence.Complete, Sealed: time.Now()}, {Revision: 2, Bundle: second, Coverage: evidence.Complete, Sealed: time.Now()}}}
	if err := old.Create(key); err != nil {
		t.Fatal(err)
	}
	if err := old.Save(in); err != nil {
		t.Fatal(err)
	}
	for _, kept := range []bool{true, false} { // whether the old one is there yet
		moved := filepath.Join(dir, "new")
		if kept {
			moved = filepath.Join(dir, "copy")
			if err := os.CopyFS(moved, os.DirFS(old.Dir)); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Rename(old.Dir, moved); err != nil {
			t.Fatal(err)
		}
		st, err := OpenStore(moved)
		if err != nil {
			t.Fatal(err)
		}
		in, err := st.Load(key)
		own := filepath.Join(st.Bundles(), key+".zip")
		if err != nil || in.Revisions[0].Bundle != own || in.Revisions[1].Bundle != second || in.Bundle != second {
			t.Fatalf("kept %v: %v, %+v", kept, err, in.Revisions)
		}

		// Its removal begins, and is found by another that was moved once more.
		l, err := Withdraw(st, key, func(in Incident) (Removal, bool) { return RemovalOf(st, in, time.Now(), "old"), true })
		if err != nil || len(l.Bundles) != 1 {
			t.Fatal(err, l)
		}
		l.Release()
		again := &Store{Dir: moved + "-again"}
		if err := os.Rename(moved, again.Dir); err != nil {
			t.Fatal(err)
		}
		list, err := Leavings(again)
		if err != nil || len(list) != 1 {
			t.Fatal(err, list)
		}
		if err := list[0].Finish(nil, nil); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(again.Bundles()); len(left) > 0 {
			t.Errorf("kept %v: %v is left", kept, left)
		}
		for _, name := range []string{first, second} {
			if name == first && !kept {
				continue
			}
			if _, err := os.Stat(name); err != nil {
				t.Error(err)
			}
		}
	}
}
