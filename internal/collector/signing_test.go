package collector

import (
	"os"
	"path/filepath"
	"testing"

	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/incident"
)

// That bundles are not signed is a problem, and does not make an alert's logs unsafe.
func TestSigningKeyReported(t *testing.T) {
	t.Parallel()
	st := &incident.Store{Dir: t.TempDir()}
	ring := seal.Ring{Dir: st.Dir}
	problems := func() []status.Problem {
		var r status.Report
		reportKey(&r, st)
		return r.Problems
	}
	if _, err := ring.Key(); err != nil {
		t.Fatal(err)
	}
	if p := problems(); len(p) != 0 {
		t.Errorf("%+v", p)
	}
	if err := os.Truncate(filepath.Join(st.Dir, "seal.key"), 10); err != nil {
		t.Fatal(err)
	}
	if p := problems(); len(p) != 1 || p[0].Key != "signing_key" || p[0].Blocks {
		t.Errorf("%+v", p)
	}
	if _, err := ring.Rotate(); err != nil {
		t.Fatal(err)
	}
	if p := problems(); len(p) != 0 {
		t.Errorf("%+v", p)
	}
}
