package logset

import (
	"context"

	"rtmtgrab/fetch/hostconn"
)

// Looks are what a hostconn.Keeper does over its session: it looks at the logs of hosts,
// so that the next Holder knows which files there are.
type Looks struct {
	Hosts    []hostconn.Host                                  // whose logs are read over the session
	Foreseen func(host string, families map[string]Retention) // told how far back the logs go
}

// Depths looks at how far back the logs go. A host that cannot tell is looked at
// again the next time.
func (l Looks) Depths(ctx context.Context, conn hostconn.Conn) {
	for _, host := range l.Hosts {
		h := &Holder{Host: host, conn: conn}
		if all, err := depths(ctx, h); err == nil {
			l.Foreseen(host.Name, all)
		}
	}
}

// depths lists the folder and looks at each family.
func depths(ctx context.Context, h *Holder) (map[string]Retention, error) {
	if _, err := h.list(ctx); err != nil {
		return nil, err
	}
	return h.Retentions(ctx, <-h.Measure(ctx))
}

// Names asks which files there are. Errors are for those to tell who need an
// answer; a lost connection shows.
func (l Looks) Names(ctx context.Context, conn hostconn.Conn) {
	for _, host := range l.Hosts {
		h := &Holder{Host: host, conn: conn}
		if entries, err := h.list(ctx); err == nil {
			conn.(rememberer).Remember(host, entries)
		}
	}
}
