package fetch

import (
	"context"

	"rtmtgrab/fetch/hostconn"
)

// Looks are what a Keeper does over its session: it looks at the logs of hosts, so
// that the next Grab knows which files there are.
type Looks struct {
	Hosts    []hostconn.Host                                  // whose logs are read over the session
	Foreseen func(host string, families map[string]Foresight) // told how far back the logs go
}

// Depths looks at how far back the logs go. A host that cannot tell is looked at
// again the next time.
func (l Looks) Depths(ctx context.Context, conn hostconn.Conn) {
	for _, h := range l.Hosts {
		g := &Grab{Host: h, state: &state{}, conn: conn}
		if all, err := g.foresights(ctx); err == nil {
			l.Foreseen(h.Name, all)
		}
	}
}

// Names asks which files there are. Errors are for those to tell who need an
// answer; a lost connection shows.
func (l Looks) Names(ctx context.Context, conn hostconn.Conn) {
	for _, h := range l.Hosts {
		g := &Grab{Host: h, state: &state{}, conn: conn}
		if entries, err := g.list(ctx); err == nil {
			conn.(rememberer).Remember(h, entries)
		}
	}
}
