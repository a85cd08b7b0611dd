package rehearsal

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
)

const (
	dueLook  = 30 * time.Second // between two looks whether a drill is due
	parallel = 4                // scheduled drills at once: of many sites whose mails do not come each waits for long
)

// Clock makes drills by the configuration in force.
type Clock struct {
	Runner *Runner
	taking sync.Mutex // one looks what is due at a time

	mu    sync.Mutex
	every time.Duration // as the schedule was at the last look
	at    time.Duration
	since time.Time // it is so
}

// Run makes drills when they are due, until ctx ends.
func (c *Clock) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() { c.work(ctx) })
	}
	wg.Wait()
}

func (c *Clock) work(ctx context.Context) {
	t := time.NewTicker(dueLook)
	defer t.Stop()
	for {
		for ctx.Err() == nil && c.makeDue(ctx, time.Now()) {
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// makeDue makes the drill that has been due for the longest; false if none is.
func (c *Clock) makeDue(ctx context.Context, now time.Time) bool {
	c.taking.Lock()
	site := c.due(now)
	if site != "" {
		c.Runner.Book.began(site, now, c.Runner.Log)
	}
	c.taking.Unlock()
	if site == "" {
		return false
	}
	if _, err := c.Runner.drill(ctx, order{site: site, by: "schedule", scheduled: true, tell: func(drill.Step) {}}); err != nil && ctx.Err() == nil {
		c.Runner.Log.Warn("no scheduled drill this time", "site", site, "err", err)
	}
	return true
}

// Next is when the next drill of each site is due; none where none is scheduled.
func (c *Clock) Next(cfg *config.Config, now time.Time) map[string]time.Time {
	d := cfg.Drilling()
	since := c.sinceOf(d, now)
	if d.Every == 0 || len(cfg.Mails) == 0 {
		return nil
	}
	known, next := c.Runner.Book.all(c.Runner.Log), map[string]time.Time{}
	for i := range cfg.Sites {
		s := &cfg.Sites[i]
		schedule := drill.Schedule{Every: d.Every, At: d.At, Zone: s.Zone()}
		if len(cfg.Sites) > 1 {
			schedule.Delay = drill.Delay(s.Name)
		}
		next[s.Name] = schedule.Next(known[s.Name].Scheduled, since, now)
	}
	return next
}

// sinceOf is since when the schedule is as it is, in this run.
func (c *Clock) sinceOf(d config.Drill, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now = now.Round(0) // by the wall clock, which may have been set back
	if c.since.IsZero() || c.since.After(now) || c.every != d.Every || c.at != d.At {
		c.every, c.at, c.since = d.Every, d.At, now
	}
	return c.since
}

// due is the site whose drill has been due for the longest, "" if none is. While a site is
// paused its drill waits.
func (c *Clock) due(now time.Time) string {
	cfg := c.Runner.Config()
	next := c.Next(cfg, now)
	var list []string
	for site, at := range next {
		if _, paused := c.Runner.paused(cfg, site, now); !at.After(now) && !paused {
			list = append(list, site)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return slices.MinFunc(list, func(a, b string) int { return cmp.Or(next[a].Compare(next[b]), cmp.Compare(a, b)) })
}
