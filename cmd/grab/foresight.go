package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/evidence"
)

const (
	foreseeFirst = 10 * time.Second // after the start: the mailbox comes first
	foreseeEvery = 30 * time.Minute
)

// shallow warns once of each family whose records do not last for twice the window
// of an alert, and says once when they do again. It is safe for concurrent use.
type shallow struct {
	log *slog.Logger
	mu  sync.Mutex
	now map[string]bool // by host and family
}

// judge looks at one family.
func (s *shallow) judge(host, family string, depth, window time.Duration, perMinute int64) {
	key, is := host+" "+family, depth < 2*window
	s.mu.Lock()
	was := s.now[key]
	if s.now == nil {
		s.now = map[string]bool{}
	}
	s.now[key] = is
	s.mu.Unlock()
	switch {
	case is && !was:
		hint := "lower the log levels that are not needed (Maintenance > Diagnostics), shorten window.before, or keep a rolling copy: ring.enabled"
		s.log.Warn("the logs wrap soon: less than twice the window of an alert", "host", host, "family", family, "depth", depth.Round(time.Second).String(),
			"window", window.String(), "rate", fmt.Sprintf("%s a minute", size(perMinute)), "hint", hint)
	case !is && was:
		s.log.Info("the logs last for twice the window again", "host", host, "family", family, "depth", depth.Round(time.Second).String())
	}
}

// row judges what a manifest's row tells. A log that has not rotated yet says
// nothing: it may come to reach further back.
func (s *shallow) row(h *evidence.Host, window time.Duration) {
	for _, f := range h.Files {
		if f.Overwritten != nil {
			s.judge(h.Host, f.Family, time.Duration(f.DepthS)*time.Second, window, f.BytesPerMinute)
		}
	}
}

// look asks a host, over the session that is there.
func (s *shallow) look(ctx context.Context, host fetch.Host, window time.Duration) error {
	all, err := fetch.Foresee(ctx, host)
	for family, fs := range all {
		if !fs.Young {
			s.judge(host.Name, family, fs.Depth(), window, fs.PerMin)
		}
	}
	return err
}
