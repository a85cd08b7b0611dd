package proof

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/collector/health/status"
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

// A key that cannot be used is set aside and made anew, and that is logged.
func TestDamagedKey(t *testing.T) {
	for name, damage := range map[string]func(file string) error{
		"empty":  func(file string) error { return os.WriteFile(file, nil, 0o600) },
		"short":  func(file string) error { return os.WriteFile(file, []byte("short"), 0o600) },
		"folder": func(file string) error { return os.Mkdir(file, 0o700) },
		"loop":   func(file string) error { return os.Symlink(filepath.Base(file), file) },
	} {
		if name == "loop" && runtime.GOOS == "windows" {
			continue
		}
		file := filepath.Join(t.TempDir(), "notice.key")
		if err := damage(file); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		k, err := LoadKey(file, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil || !strings.Contains(log.String(), asideOf(t, file)) {
			t.Errorf("%s: %v, log %s", name, err, log.String())
		}
		if again, err := LoadKey(file, nil); err != nil || again.Notice("x") != k.Notice("x") {
			t.Errorf("%s: the new key does not stay: %v", name, err)
		}
	}
}

// Heartbeats are waited for though what was kept of them cannot be read.
func TestHeartbeatsUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "no folder")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		h := &Heartbeats{File: filepath.Join(file, "heartbeats.json")}
		if err := h.Configure([]Heartbeat{{Name: "daily", Match: regexp.MustCompile("x"), Every: time.Hour}}); err == nil {
			t.Error("nobody hears that it cannot be read")
		}
		h.Up(true)
		time.Sleep(time.Hour + time.Second)
		var r status.Report
		if h.Report(&r); len(r.Beats) != 1 || len(r.Problems) != 1 {
			t.Errorf("%+v", r.Problems)
		}
	})
}
