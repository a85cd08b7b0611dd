package registration

import (
	"net/netip"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration/logs"
)

// A wire is what the messages show together: REGISTERs with every attempt and every hop,
// the peers' clocks, and the connections between C and CUCM. It does not change after
// newWire.
type wire struct {
	*logs.Logs
	*clocks
	lines   []*timeline
	links   *links
	changes []change
	tcps    []logs.TCPRecord // of connections from a C to CUCM, and of those between C and E that ended
}

func newWire(l *logs.Logs, msgs []*logs.Message) *wire {
	w := &wire{Logs: l, lines: join(l, msgs)}
	w.clocks = compareClocks(l, w.lines)
	ends, _ := nodes(l, w.lines)
	w.tcps = pickTCP(l, ends)
	w.links = connect(l, w.lines, w.tcps)
	w.changes = changes(w)
	for _, t := range w.lines {
		transact(w, t)
	}
	w.links.survivors(w.lines)
	w.links.silences(w.Logs, w.lines)
	return w
}

// pickTCP takes the records of connections that bear on a registration out of what the
// sources gave: of connections from a C to one of the nodes, and those that say that one
// between C and E is no more.
func pickTCP(l *logs.Logs, nodes map[netip.AddrPort]bool) []logs.TCPRecord {
	return l.TakeTCP(func(h *logs.Host, what string, src, dst netip.AddrPort) bool {
		toCUCM := h != nil && h.Role != "E" && (nodes[src] || nodes[dst])
		ended := what == expressway.TCPClosed || what == expressway.TCPFailed
		return toCUCM || ended && (logs.TraversalPort(src.Port()) || logs.TraversalPort(dst.Port()))
	})
}
