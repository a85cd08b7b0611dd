package collector

import (
	"context"
	"time"

	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector/fellow"
	"rtmtgrab/internal/fleet/ask"
	"rtmtgrab/internal/incident"
)

// grabFor grabs for somebody who asks by the hub of the fleet.
func grabFor(w *Collector) fellow.Grab {
	return func(ctx context.Context, q *oneshot.Request, j ask.Job) (*incident.Store, incident.Incident, error) {
		g, err := oneshot.PrepareConfigured(w.cfg.Load(), q)
		if err != nil {
			return nil, incident.Incident{}, err
		}
		d := &operation{progress: j.Say, stop: j.Stop, by: j.By, last: map[string]time.Time{}}
		return g.Once(ctx, q, w.server(ctx).effort(d))
	}
}
