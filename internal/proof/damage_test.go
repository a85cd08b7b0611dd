package proof

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDamagedFiles: canaries and heartbeats whose files are damaged are watched all the
// same, from now on; the files are named and kept.
func TestDamagedFiles(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	dir := t.TempDir()
	beats, canary := filepath.Join(dir, "heartbeats.json"), filepath.Join(dir, "canary")
	for _, name := range []string{beats, canary} {
		if err := os.WriteFile(name, []byte(`{"daily": {"began": "2026-`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := &Heartbeats{File: beats, Log: logger}
	if err := h.Configure([]Heartbeat{{Name: "daily", Match: regexp.MustCompile("x"), Every: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if got := h.Match("x", "", ""); len(got) != 1 {
		t.Error("the heartbeat is not watched")
	}
	c := &Canary{Mailbox: "a", File: canary, Log: logger}
	if err := c.Load(); err != nil || c.state != (canaryState{}) {
		t.Error(err, c.state)
	}
	for _, name := range []string{beats, canary} {
		if _, err := os.Stat(asideOf(t, name)); err != nil || !strings.Contains(log.String(), name) {
			t.Errorf("%s is not kept, or not named: %v\n%s", name, err, log.String())
		}
	}
}

// asideOf is where what stood at path was set aside.
func asideOf(t *testing.T, path string) string {
	t.Helper()
	list, _ := filepath.Glob(path + ".damaged-*")
	if len(list) != 1 {
		t.Fatalf("of %s set aside are %q", path, list)
	}
	return list[0]
}
