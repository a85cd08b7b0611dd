package fetch

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/atomicfile"
)

// TestOpenSlice: what is past the journaled length, or cut within a record, or damaged
// is not read, and nothing is made or changed.
func TestOpenSlice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "expc01")
	read := func(family string) string {
		t.Helper()
		r, err := OpenSlice(dir, family)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if _, err := OpenSlice(dir, "messages"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder was made")
	}
	if err := atomicfile.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	if got := read("messages"); got != "" {
		t.Errorf("%q", got)
	}
	now := time.Now()
	for name, text := range map[string]string{"messages.1.raw": "older one\nolder two\nhalf a rec and more than was written down", "messages.2.raw": "newer\n", "messages.3.raw": "short"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openStore(dir, hostconn.Host{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.save(&family{name: "messages", Pieces: []*extent{
		{Name: "messages", File: "messages.2.raw", Length: 6, First: now},
		{Name: "messages.1", File: "messages.1.raw", Length: 30, Cut: 10, First: now.Add(-time.Hour)},
		{Name: "messages.2", File: "messages.3.raw", Length: 6, First: now.Add(-2 * time.Hour)},
		{Name: "messages.3", File: "messages.4.raw", Length: 6, First: now.Add(-3 * time.Hour)},
	}}); err != nil {
		t.Fatal(err)
	}
	if got := read("messages"); got != "older one\nolder two\nnewer\n" {
		t.Errorf("%q", got)
	}
	if got := read("network_log"); got != "" {
		t.Errorf("%q", got)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "messages.1.raw")); err != nil || len(b) < 40 {
		t.Errorf("%q, %v", b, err)
	}
}
