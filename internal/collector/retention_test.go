package collector

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// A log that wraps too soon is said once, and once that it does so no more.
func TestShallowOnce(t *testing.T) {
	var b bytes.Buffer
	s := shallow{log: slog.New(slog.NewTextHandler(&b, nil))}
	now := time.Now()
	row := func(depth int64, rotated bool) {
		f := evidence.File{Family: "network_log", Oldest: &now, DepthS: depth, BytesPerMinute: 3 << 20}
		if rotated {
			f.Overwritten = &now
		}
		s.row(&evidence.Host{Host: "expc01", Files: []evidence.File{f, {Family: "messages"}}}, 20*time.Minute)
	}
	for _, step := range []struct {
		depth   int64
		rotated bool
		want    string // of the whole log
	}{
		{600, false, ""}, // a young log
		{2400, true, ""}, // twice the window
		{2399, true, "W"}, {60, true, "W"}, {2400, true, "WI"}, {2401, true, "WI"}, {2000, true, "WIW"},
	} {
		row(step.depth, step.rotated)
		got := ""
		for line := range strings.Lines(b.String()) {
			got += strings.SplitAfter(line, "level=")[1][:1]
		}
		if got != step.want {
			t.Errorf("after %+v: %q\n%s", step, got, b.String())
		}
	}
	if !strings.Contains(b.String(), "ring.enabled") || !strings.Contains(b.String(), "3.0 MiB a minute") {
		t.Error(b.String())
	}
}
