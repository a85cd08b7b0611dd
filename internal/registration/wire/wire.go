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
	"cmp"
	"net/netip"
	"slices"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration/logs"
)

// A Wire is what the messages of the logs show together. It does not change after New, and
// what it lacks is learned (Learn).
type Wire struct {
	*logs.Logs
	*Clocks
	Timelines     []*Timeline // those of a Call-ID one after the other
	Links         *Links
	PortChanges   []PortChange                    // by time
	TraversalEnds []TraversalEnd                  // by host and time
	TLSFailures   map[netip.Addr][]logs.TCPRecord // by who called, and by time

	changeTo map[newPort]*PortChange
}

// A TraversalEnd is a record that says that a connection between a C and an E is no more.
type TraversalEnd struct {
	logs.TCPRecord
	E netip.AddrPort // where the Expressway-E listens
	C netip.Addr     // the Expressway-C's address
}

// New joins the messages of the logs, which are sorted thereby; others saw them too. It takes the
// records of connections out of the logs, and so it is called once.
func New(l *logs.Logs, msgs []*logs.Message, others ...Witness) *Wire {
	w := &Wire{Logs: l, Timelines: join(l, msgs)}
	w.Clocks = compareClocks(l, w.Timelines, others)
	ends, _ := nodes(l, w.Timelines)
	tcps := pickTCP(l, ends)
	w.Links = connect(l, w.Timelines, tcps)
	w.TraversalEnds = traversalEnds(l, tcps)
	w.TLSFailures = tlsFailures(l, tcps)
	w.PortChanges = portChanges(w)
	w.changeTo = byPort(w.PortChanges)
	for _, t := range w.Timelines {
		transact(w, t)
	}
	w.Links.survivors(w.Timelines)
	w.Links.silences(w.Logs, w.Timelines)
	return w
}

// pickTCP takes the records of connections that bear on a registration: of connections
// from a C to one of the nodes, those that say that one between C and E is no more, and
// those of failed ones.
func pickTCP(l *logs.Logs, nodes map[netip.AddrPort]bool) []logs.TCPRecord {
	return l.TakeTCP(func(h *logs.Host, what string, src, dst netip.AddrPort) bool {
		toCUCM := h != nil && h.Role != "E" && (nodes[src] || nodes[dst])
		return toCUCM || h != nil && what == expressway.TCPFailed || ended(what) && (logs.TraversalPort(src.Port()) || logs.TraversalPort(dst.Port()))
	})
}

// tlsFailures are the connections that failed because of their TLS.
func tlsFailures(l *logs.Logs, tcps []logs.TCPRecord) map[netip.Addr][]logs.TCPRecord {
	out := map[netip.Addr][]logs.TCPRecord{}
	for _, n := range tcps {
		from := l.Texts.AddrPort(n.Src).Addr()
		if from.IsValid() && logs.TLSFailed(l.Texts.Of(n.Reason)) {
			out[from] = append(out[from], n)
		}
	}
	for _, of := range out {
		slices.SortStableFunc(of, func(x, y logs.TCPRecord) int { return cmp.Compare(x.At, y.At) })
	}
	return out
}

func traversalEnds(l *logs.Logs, tcps []logs.TCPRecord) []TraversalEnd {
	var out []TraversalEnd
	for _, n := range tcps {
		e, c := l.Texts.AddrPort(n.Dst), l.Texts.AddrPort(n.Src)
		if !logs.TraversalPort(e.Port()) {
			e, c = c, e
		}
		if logs.TraversalPort(e.Port()) && ended(l.Texts.Of(n.What)) {
			out = append(out, TraversalEnd{n, e, c.Addr()})
		}
	}
	return out
}

// ended reports whether a record of a connection says that it is no more.
func ended(what string) bool {
	return what == expressway.TCPClosed || what == expressway.TCPFailed
}
