package hostconn_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testserver"
)

// While a big file is copied it is rotated: its name is another file's then. Not a
// byte of that file gets into the slice.
func TestChannelsRotation(t *testing.T) {
	dir, end := t.TempDir(), time.Now().Truncate(time.Second)
	want := fetchtest.BigLog(t, dir, 12<<20, end)
	s, err := hostconn.RealConn(t, testserver.SSHDOptions{}, hostconn.Commands{Allowed: true})
	if err != nil {
		t.Fatal(err)
	}
	g := newGrab(t, dir, hostconn.Share(s, &hostconn.Memory{}))
	defer s.Close()
	row, err := g.Pass(t.Context(), evidence.NewWindow(end.Add(-9*time.Minute), end), func(time.Time) {
		name := filepath.Join(dir, "network_log")
		if err := os.Rename(name, name+".1"); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(name, bytes.Repeat([]byte("something else\n"), 1<<20), 0o600); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !s.ChannelsUsed() {
		t.Error("no channels were asked for")
	}
	got := []byte(slice(t, g, "network_log"))
	if len(got) < len(want)*8/10 {
		t.Fatalf("%d of %d bytes; %+v", len(got), len(want), row.Files)
	}
	// its head first: to search for megabytes takes the race detector minutes
	if i := bytes.Index(want, got[:4<<10]); i < 0 || !bytes.HasPrefix(want[i:], got) {
		t.Errorf("%d bytes are no part of the file (%d)", len(got), i)
	}
}
