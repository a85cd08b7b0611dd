package runner

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/incidenttest"
)

// TestDamagedRow: a damaged record of one host costs neither the incident nor another
// host's row; it is set aside, and its row says so. A report alone is made of the row
// that the bundle before had.
func TestDamagedRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.noReport = "its process ended"
		in, err := b.r.Once(t.Context(), request())
		if err != nil || in.Coverage != evidence.Complete {
			t.Fatalf("%+v, %v", in, err)
		}
		host := in.Hosts[0].Name
		path := filepath.Join(b.st.ResultsDir(in.Key), host+".json")
		if err := os.WriteFile(path, []byte(`{"row":`), 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := b.st.List(); err != nil || len(list) != 1 {
			t.Errorf("list: %v, %v", list, err)
		}

		b.noReport = ""
		again, err := b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if err != nil || again.Revision != 2 || again.Coverage != evidence.Complete {
			t.Fatalf("%+v, %v", again, err)
		}
		m, _ := readBundle(again.Bundle)
		if notes := strings.Join(m.Manifest.Notes, "\n"); !strings.Contains(notes, host+": one attempt failed: what was known of it on this machine was damaged") {
			t.Errorf("notes %q", notes)
		}
		asides, _ := filepath.Glob(filepath.Join(b.st.ResultsDir(in.Key), "*"))
		if n := len(asides); n != len(in.Hosts)+1 {
			t.Errorf("%d files, want the rows and one set aside: %v", n, asides)
		}
	})
}

// TestDamagedRowOfOpen: an open incident whose host's record is damaged while the program
// is down asks the host again, and is complete.
func TestDamagedRowOfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		ctx, cancel := context.WithCancel(t.Context())
		b.hosts[incidenttest.Sites[0].Hosts[0].Name].after = func(*evidence.Host) { cancel() }
		in, err := b.r.Once(ctx, request())
		if err == nil {
			t.Fatalf("it was sealed: %+v", in)
		}
		rows, _ := filepath.Glob(filepath.Join(b.st.ResultsDir(in.Key), "*.json"))
		if len(rows) == 0 {
			t.Fatal("no row was saved")
		}
		for _, path := range rows {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b.hosts[incidenttest.Sites[0].Hosts[0].Name].after = nil
		again, err := b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if err != nil || again.Coverage != evidence.Complete {
			t.Fatalf("%+v, %v", again, err)
		}
		left, _ := os.ReadDir(b.st.ResultsDir(in.Key))
		aside := 0
		for _, e := range left {
			if atomicfile.IsAside(e.Name()) {
				aside++
			}
		}
		if aside != len(rows) {
			t.Errorf("%d of %d damaged records set aside", aside, len(rows))
		}
	})
}
