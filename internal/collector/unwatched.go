package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/wiring"
)

// WriteUnwatched writes what a store says of a watcher that does not answer.
func WriteUnwatched(out io.Writer, cfg *config.Config, now time.Time) {
	line := "no grab watch has used this store yet"
	if info, err := os.Stat(health.SignFile(cfg.Store)); err == nil {
		line = "grab watch last wrote to the store: " + human.Local().At(info.ModTime().Truncate(time.Second)) + ", " + human.Ago(now.Sub(info.ModTime()))
	} else if errors.Is(err, os.ErrPermission) {
		line = "the store " + cfg.Store + " cannot be read by this user"
	}
	fmt.Fprintln(out, line)
	store := &incident.Store{Dir: cfg.Store}
	open, err := store.Open()
	if err != nil {
		fmt.Fprintln(out, "open incidents cannot be read:", err)
	}
	if len(open) > 0 {
		fmt.Fprintln(out, "open incidents, which go on when grab watch runs:")
	}
	status.WriteIncidents(out, OpenIncidents(open))
	for host, err := range refusedLogins(cfg) {
		fmt.Fprintf(out, "%s: %v\n", host, err)
	}
	var r status.Report
	health.ReportCUCM(&r, cfg, &wiring.Clusters{})
	for _, p := range r.Problems {
		fmt.Fprintf(out, "%s\n  hint: %s\n", p.What, p.Hint)
	}
}

// refusedLogins are the hosts to which no login would be tried, and why.
func refusedLogins(cfg *config.Config) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		ledger, seen := wiring.Ledger(cfg), map[string]bool{}
		for i := range cfg.Sites {
			for j := range cfg.Sites[i].Hosts {
				h := &cfg.Sites[i].Hosts[j]
				if seen[h.Name] {
					continue
				}
				seen[h.Name] = true
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				err := sshdial.Blocked(ctx, wiring.Dialing(h, ledger))
				cancel()
				if err != nil && !yield(h.Name, err) {
					return
				}
			}
		}
	}
}
