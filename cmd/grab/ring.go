package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/wiring"
)

// rings keeps the ring of every host that has one until ctx ends. A host that stands
// in several sites has one; what was kept of hosts that have none now is removed.
func (w *watching) rings(ctx context.Context, wg *sync.WaitGroup) {
	cfg := w.cfg.Load()
	begun := map[string]bool{}
	for i := range cfg.Sites {
		for j := range cfg.Sites[i].Hosts {
			h := &cfg.Sites[i].Hosts[j]
			if !h.Ring.Enabled || begun[h.Name] {
				continue
			}
			begun[h.Name] = true
			if why, hint := shortRing(cfg, h); why != "" {
				w.log.Warn("ring: it is too short for a window", "host", h.Name, "err", why, "hint", hint)
			}
			zone := cfg.Sites[i].Zone()
			wg.Go(func() {
				defer survive(w.log, "ring", h.Name)
				w.gate.while(ctx, []string{h.Name}, func(ctx context.Context) {
					if err := w.ring(cfg, h, zone).Run(ctx); err != nil {
						w.log.Error("ring: it is not kept", "host", h.Name, "err", err)
					}
				})
			})
		}
	}
	w.oldRings(cfg, begun)
}

// oldRings removes what was kept of hosts that have no ring any more.
func (w *watching) oldRings(cfg *config.Config, kept map[string]bool) {
	entries, err := os.ReadDir(wiring.RingDir(cfg, ""))
	if err != nil {
		return // there is none
	}
	for _, e := range entries {
		if kept[e.Name()] || !e.IsDir() {
			continue
		}
		if err := os.RemoveAll(wiring.RingDir(cfg, e.Name())); err != nil {
			w.log.Warn("ring: what is of no more use cannot be removed", "host", e.Name(), "err", err)
		}
	}
}

func (w *watching) ring(cfg *config.Config, h *config.Host, zone *time.Location) *fetch.Ring {
	var down time.Time
	return &fetch.Ring{
		Host: wiring.Configured(h, zone, wiring.Ledger(cfg)).Connect(w.warm.pool), Dir: wiring.RingDir(cfg, h.Name),
		Every: h.Ring.Every, Keep: h.Ring.Keep, MaxSize: h.Ring.MaxSize, Free: diskspace.Free,
		Event: func(err error) {
			switch {
			case err != nil:
				down = time.Now()
				w.log.Warn("ring down", "host", h.Name, "err", err, "hint", advice.For(err))
			case down.IsZero():
				w.log.Info("ring up", "host", h.Name, "every", h.Ring.Every, "keep", h.Ring.Keep)
			default:
				w.log.Info("ring up", "host", h.Name, "after", time.Since(down).Round(time.Second))
			}
		},
	}
}

// judgeRing says how deep the ring of a host is and what it costs.
func (c *checkup) judgeRing(h *config.Host) (findings []finding) {
	if !h.Ring.Enabled {
		return nil
	}
	const hint = "grab watch keeps it while it runs; its log says when a ring is down"
	costs, err := fetch.RingCost(wiring.RingDir(c.cfg, h.Name), h.Logs.Families)
	if err == nil && len(costs) == 0 {
		err = errors.New("nothing is kept yet")
	}
	if err != nil {
		return []finding{{h.Name, "ring", statusWarn, err.Error(), hint}}
	}
	now := time.Now()
	for _, r := range costs {
		f := finding{h.Name, "ring", statusOK, "", ""}
		f.Detail = fmt.Sprintf("%s: %s on disk", r.Family, human.Size(r.Bytes))
		if !r.Since.IsZero() {
			f.Detail += fmt.Sprintf(", %s deep (back to %s UTC)", now.Sub(r.Since).Round(time.Second), r.Since.UTC().Format("2006-01-02 15:04:05"))
		}
		if r.PerMin > 0 {
			f.Detail += fmt.Sprintf(", %s a minute, stored as %s", human.Size(r.PerMin), human.Size(r.StoredPerMin))
		}
		f.Detail += ", last increment " + human.Ago(max(now.Sub(r.Until), 0))
		switch {
		case now.Sub(r.Until) > 3*h.Ring.Every+time.Minute:
			f.Status, f.Hint = statusWarn, hint
		case r.Breaks > 0 || r.Damaged > 0:
			f.Status = statusWarn
			f.Detail += fmt.Sprintf(", %s at which something may be missing, %d damaged or lost frames", human.Plural(r.Breaks, "place"), r.Damaged)
			f.Hint = "a shorter ring.every loses less when logs rotate fast; each bundle says what its own window lacks"
		}
		findings = append(findings, f)
	}
	return findings
}
