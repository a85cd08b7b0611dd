package setup

import (
	"path/filepath"
	"testing"

	"rtmtgrab/bundle/seal"
)

// The key is made where the store is, and stays the one that is there.
func TestMakeKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	for range 2 {
		if err := makeKey(dir); err != nil {
			t.Fatal(err)
		}
	}
	k, err := seal.Ring{Dir: dir}.Load()
	if retired, rerr := (seal.Ring{Dir: dir}).Retired(); err != nil || rerr != nil || len(retired) != 0 {
		t.Errorf("%v, %v, %v", k, err, retired)
	}
}
