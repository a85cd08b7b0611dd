package collector

import (
	"context"
	"net"

	"rtmtgrab/internal/wiring"
)

// reach connects to the address of a host or of a mailbox's server; nil: by TCP.
type reach = func(ctx context.Context, address string) (net.Conn, error)

// ReachBy has hosts and mailboxes reached by r in place of TCP, before Run: all that is
// watched may be in memory.
func (w *Collector) ReachBy(r func(ctx context.Context, address string) (net.Conn, error)) {
	w.sessions.reach, w.Mailboxes.reach = r, r
	find := func(site, host string) (wiring.Source, bool) {
		s, ok := wiring.Finder(w.cfg.Load())(site, host)
		s.Dial.Conn = r
		return s, ok
	}
	w.Runner.NewPuller = wiring.Pullers(w.sessions.pool, w.queue, w.Runner.Reserve, find, nil)
}
