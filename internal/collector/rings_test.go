package collector

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/collector/gate"
	"rtmtgrab/internal/config"
)

// A ring that is too short for a window is said by a watch, once for each host.
func TestShortRingSaid(t *testing.T) {
	var log bytes.Buffer
	cfg := &config.Config{Store: t.TempDir(), Window: config.Window{Before: 15 * time.Minute}}
	short := config.Ring{Enabled: true, Keep: time.Minute, Every: time.Second}
	for _, site := range []string{"a", "b"} { // the host stands in both
		cfg.Sites = append(cfg.Sites, config.Site{Name: site, Hosts: []config.Host{{Name: "expc01", Ring: short}, {Name: "expe01", Ring: config.Ring{Keep: time.Minute}}}})
	}
	kept := rings{gate: &gate.Gate{}, log: slog.New(slog.NewTextHandler(&log, nil))}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the rings end at once
	var wg sync.WaitGroup
	kept.keep(ctx, cfg, &wg)
	wg.Wait()
	if strings.Count(log.String(), "ring.keep is 1 min") != 1 || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("watch said:\n%s", log.String())
	}
}
