package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/lab"
)

// A ring that is too short for a window is said by check, which asks no host for it,
// and by watch once for each host.
func TestShortRing(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{})
	for _, s := range []struct {
		keep string
		said bool
	}{{"5m", true}, {"16m", true}, {"17m", false}} {
		c.window, c.extra = "{before: 15m, after: 5m, max: 1h}", "ring: {enabled: true, keep: "+s.keep+"}"
		c.write()
		rep, r := c.check("--offline")
		f := findingOf(rep, "expc01", "ring")
		if r.code != 0 || (f.Status == checkup.StatusWarn) != s.said || s.said && (!strings.Contains(f.Detail, "15m0s (window.before)") || !strings.Contains(f.Hint, "17m0s")) {
			t.Errorf("keep %s: %+v %s", s.keep, f, r)
		}
	}
	var log bytes.Buffer
	cfg := &config.Config{Store: t.TempDir(), Window: config.Window{Before: 15 * time.Minute}}
	short := config.Ring{Enabled: true, Keep: time.Minute, Every: time.Second}
	for _, site := range []string{"a", "b"} { // the host stands in both
		cfg.Sites = append(cfg.Sites, config.Site{Name: site, Hosts: []config.Host{{Name: "expc01", Ring: short}, {Name: "expe01", Ring: config.Ring{Keep: time.Minute}}}})
	}
	w := &watching{log: slog.New(slog.NewTextHandler(&log, nil))}
	w.cfg.Store(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the rings end at once
	var wg sync.WaitGroup
	w.rings(ctx, &wg)
	wg.Wait()
	if strings.Count(log.String(), "ring.keep is 1m0s") != 1 || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("watch said:\n%s", log.String())
	}
}
