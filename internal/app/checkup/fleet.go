package checkup

import (
	"cmp"
	"context"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/fleet/hubcheck"
	"rtmtgrab/internal/wiring"
)

// fleetWait bounds the look at the hub.
const fleetWait = 45 * time.Second

// tryFleet looks at the hub of fleet:, if there is that key. idle: no grab watch runs here.
func tryFleet(ctx context.Context, cfg *config.Config, timeout time.Duration, idle bool) []Finding {
	if cfg.Fleet == nil {
		return nil
	}
	o, err := wiring.FleetHub(cfg, nil)
	if err != nil {
		return []Finding{{What: "fleet", Status: StatusFail, Detail: err.Error(), Hint: "check fleet: in the configuration; docs/fleet.md has a tested one"}}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(timeout, fleetWait))
	defer cancel()
	var list []Finding
	for _, f := range hubcheck.Examine(ctx, o, hubcheck.Collector{Lends: cfg.Fleet.Share, Idle: idle}) {
		status := map[int]string{hubcheck.OK: StatusOK, hubcheck.Warn: StatusWarn, hubcheck.Fail: StatusFail}[f.Level]
		list = append(list, Finding{What: "fleet/" + f.What, Status: status, Detail: f.Detail, Hint: f.Hint})
	}
	return list
}
