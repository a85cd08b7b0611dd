package channel

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

func spoil(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedFiles: damaged files are named and kept, and hold up neither the notices
// behind them nor new problems.
func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	o := box(t, filepath.Join(dir, "outbox"), &way{})
	for _, subject := range []string{"first", "second"} {
		if err := o.Add(note(KindProblems, subject)); err != nil {
			t.Fatal(err)
		}
	}
	first, counted, tracked := filepath.Join(o.Dir, o.names[0]), filepath.Join(o.Dir, countFile), filepath.Join(dir, "notices.json")
	spoil(t, first)
	spoil(t, counted)
	spoil(t, tracked)

	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	w := &way{}
	d := &Dispatcher{Boxes: []*Outbox{{Name: "mail", Dir: o.Dir, Channel: w, Log: logger}}, Tracker: &Tracker{After: time.Nanosecond, File: tracked}, Log: logger}
	if err := d.Open(); err != nil {
		t.Fatal(err)
	}
	stop := deliver(t, d.Boxes[0])
	for waiting(d.Boxes[0]) > 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	if got, _ := w.all(); len(got) != 1 || got[0].Subject != "second" || got[0].Dropped != 1 {
		t.Errorf("%+v", got)
	}
	now := time.Now()
	d.Tracker.Look(now, []status.Problem{{Key: "disk"}})
	if c := d.Tracker.Look(now.Add(time.Second), []status.Problem{{Key: "disk"}}); len(c) != 1 {
		t.Errorf("%+v", c)
	}
	if err := d.Tracker.Save(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{first, counted, tracked} {
		if b, err := os.ReadFile(asideOf(t, name)); err != nil || string(b) != "{" || !strings.Contains(log.String(), name) {
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
