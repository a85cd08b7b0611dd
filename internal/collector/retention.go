package collector

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
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
		hint := "lower log levels that are not needed (Maintenance > Diagnostics), shorten window.before, or keep a rolling copy: ring.enabled"
		s.log.Warn("the logs rotate fast: they keep less than twice the window of an alert", "host", host, "family", family, "depth", depth.Round(time.Second).String(),
			"window", window.String(), "rate", fmt.Sprintf("%s a minute", human.Size(perMinute)), "hint", hint)
	case !is && was:
		s.log.Info("the logs keep twice the window of an alert again", "host", host, "family", family, "depth", depth.Round(time.Second).String())
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

// depths judges what a look at a host tells.
func (s *shallow) depths(host string, families map[string]logset.Retention, window time.Duration) {
	for family, fs := range families {
		if !fs.Young {
			s.judge(host, family, fs.Depth(), window, fs.PerMin)
		}
	}
}
