package collector

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/collector/gate"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/wiring"
)

// rings are the rolling copies of hosts.
type rings struct {
	pool  *hostconn.Pool
	gate  *gate.Gate
	reach reach // in place of TCP

	reserve *diskspace.Reserve // of the store's disk
	log     *slog.Logger
}

// keep keeps the ring of every host that has one until ctx ends, with wg. A host that stands
// in several sites has one; what was kept of hosts that have none now is removed.
func (r rings) keep(ctx context.Context, cfg *config.Config, wg *sync.WaitGroup) {
	begun := map[string]bool{}
	for i := range cfg.Sites {
		for j := range cfg.Sites[i].Hosts {
			h := &cfg.Sites[i].Hosts[j]
			if !h.Ring.Enabled || begun[h.Name] {
				continue
			}
			begun[h.Name] = true
			if why, hint := checkup.ShortRing(cfg, h); why != "" {
				r.log.Warn("ring is shorter than a window", "host", h.Name, "err", why, "hint", hint)
			}
			zone := cfg.Sites[i].Zone()
			wg.Go(func() {
				defer survive(r.log, "ring", h.Name)
				r.gate.While(ctx, []string{h.Name}, func(ctx context.Context) {
					if err := r.keeper(cfg, h, zone).Run(ctx); err != nil {
						r.log.Error("ring disabled by an error", "host", h.Name, "err", err)
					}
				})
			})
		}
	}
	r.removeOld(cfg, begun)
}

// removeOld removes what was kept of hosts that have no ring any more.
func (r rings) removeOld(cfg *config.Config, kept map[string]bool) {
	entries, err := os.ReadDir(wiring.RingDir(cfg, ""))
	if err != nil {
		return // there is none
	}
	for _, e := range entries {
		if kept[e.Name()] || !e.IsDir() {
			continue
		}
		if err := os.RemoveAll(wiring.RingDir(cfg, e.Name())); err != nil {
			r.log.Warn("cannot remove old ring files", "host", e.Name(), "err", err)
		}
	}
}

// keeper is that of a host.
func (r rings) keeper(cfg *config.Config, h *config.Host, zone *time.Location) *ring.Keeper {
	var down time.Time
	source := wiring.Configured(h, zone, wiring.Ledger(cfg))
	source.Dial.Conn = r.reach
	host := source.Connect(r.pool)
	dial := host.Dial
	host.Dial = func(ctx context.Context) (hostconn.Conn, error) { // many rings do not begin at the same time
		if err := r.pool.Turns.Wait(ctx); err != nil {
			return nil, err
		}
		return dial(ctx)
	}
	return &ring.Keeper{
		Host: host, Dir: wiring.RingDir(cfg, h.Name),
		Every: h.Ring.Every, Keep: h.Ring.Keep, MaxSize: h.Ring.MaxSize, Reserve: r.reserve,
		Event: func(err error) {
			switch {
			case err != nil:
				down = time.Now()
				r.log.Warn("ring down", "host", h.Name, "err", err, "hint", advice.For(err))
			case down.IsZero():
				r.log.Info("ring up", "host", h.Name, "every", human.Span(h.Ring.Every), "keep", human.Span(h.Ring.Keep))
			default:
				r.log.Info("ring up", "host", h.Name, "after", human.Seconds(time.Since(down)))
			}
		},
	}
}
