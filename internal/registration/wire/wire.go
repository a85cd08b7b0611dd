// Package wire joins messages to what was on the wire, and when: to REGISTERs with every
// attempt and every hop, to transactions, and to the connections between Expressway-C and
// CUCM. It compares the peers' clocks, so that times of several hosts can be held against
// each other.
//
// It says only what messages and records show, and never why. Its times are those of
// package logs, or by the reference clock (Clocks.Steady); what is not known is 0 or nil.
// It does not know phones: a timeline is a Call-ID and a CUCM node.
package wire

import (
	"net/netip"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration/logs"
)

// A Wire is what the messages of the logs show together. It does not change after New.
type Wire struct {
	*logs.Logs
	*Clocks
	Timelines   []*Timeline
	Links       *Links
	PortChanges []PortChange
	TCP         []logs.TCPRecord // of connections from a C to CUCM, and of those between C and E that ended
}

// New joins the messages of the logs, which are sorted thereby.
func New(l *logs.Logs, msgs []*logs.Message) *Wire {
	w := &Wire{Logs: l, Timelines: join(l, msgs)}
	w.Clocks = compareClocks(l, w.Timelines)
	ends, _ := nodes(l, w.Timelines)
	w.TCP = pickTCP(l, ends)
	w.Links = connect(l, w.Timelines, w.TCP)
	w.PortChanges = portChanges(w)
	for _, t := range w.Timelines {
		transact(w, t)
	}
	w.Links.survivors(w.Timelines)
	w.Links.silences(w.Logs, w.Timelines)
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
