package collector

import (
	"context"
	"log/slog"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/growth"
)

// bookEvery is how often the history of logs and clocks is written down: what a crash loses
// of it counts as not observed.
const bookEvery = time.Minute

// ProveEvery sets the time between two proofs of a host, before Run; otherwise it is a minute.
func (w *Collector) ProveEvery(d time.Duration) {
	w.sessions.period, w.health.Hosts.Period = d, d
}

// keepBook writes the history down now and then until ctx ends.
func keepBook(ctx context.Context, book *growth.Book, log *slog.Logger) {
	tick := time.NewTicker(bookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			saveBook(book, log)
		case <-ctx.Done():
			return // the end of the collector saves it once more
		}
	}
}

func saveBook(book *growth.Book, log *slog.Logger) {
	if err := book.Save(); err != nil {
		log.Warn("cannot save the history of the logs yet; retrying", "err", err)
	}
}

// familiesOf are the logs of which the history is kept, by host.
func familiesOf(cfg *config.Config) map[string][]string {
	logs := map[string][]string{}
	for i := range cfg.Sites {
		for _, h := range cfg.Sites[i].Hosts {
			logs[h.Name] = append(logs[h.Name], h.Logs.Families...)
		}
	}
	return logs
}
