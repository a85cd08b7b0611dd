package incident

import (
	"path/filepath"
	"testing"
)

func TestListOfNothing(t *testing.T) {
	st := &Store{Dir: filepath.Join(t.TempDir(), "none")}
	if l, err := st.List(); err != nil || l == nil || len(l) != 0 {
		t.Errorf("%v, %v", l, err)
	}
}
