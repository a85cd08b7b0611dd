package wiring

import (
	"log/slog"
	"os"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
)

const (
	longAway  = 24 * time.Hour
	afterAway = time.Hour
)

// PolicyAfter is Policy for a program that starts now. If its last sign of life, the time of that
// file, is long ago, nothing is removed for its age within the first hour: the clock may be wrong until it
// is set, or the store come from a backup, of which somebody wants to pin something first.
func PolicyAfter(sign string, cfg func() *config.Config, log *slog.Logger) func() incident.Policy {
	began := time.Now()
	info, err := os.Stat(sign)
	if err != nil || began.Sub(info.ModTime()) < longAway {
		return func() incident.Policy { return Policy(cfg()) }
	}
	if keep := Policy(cfg()).Keep; keep > 0 {
		log.Warn("grab watch was away for long, or the clock leapt: keep.age removes nothing for an hour; `grab pin` what is to stay",
			"last", info.ModTime().UTC().Round(time.Second), "now", began.UTC().Round(time.Second))
	}
	return func() incident.Policy {
		p := Policy(cfg())
		if time.Since(began) < afterAway {
			p.Keep = 0
		}
		return p
	}
}
