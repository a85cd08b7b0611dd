package judge

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// maxTrouble bounds the records that show that a zone failed.
const maxTrouble = 6

// traversalTrouble are the records of a span that say that the connection or zone between
// the phone's E and C failed.
func traversalTrouble(w *wire.Wire, t *wire.Txn, from, to int64) []logs.Proof {
	var out []logs.Proof
	for i := range w.TraversalEnds {
		if n := &w.TraversalEnds[i]; n.At > from && n.At <= to && carries(w, n, t) {
			out = append(out, n.Shows(w.Texts.Of(n.What)+" between C and E"))
		}
	}
	for _, v := range w.Events {
		if v.At > from && v.At <= to && tellsOfZone(w, &v, t) {
			out = append(out, v.Shows(w.Texts.Of(v.What)))
		}
	}
	slices.SortStableFunc(out, func(x, y logs.Proof) int { return cmp.Compare(x.At, y.At) })
	return out[:min(len(out), maxTrouble)]
}

// carries reports whether a connection that is no more is one of the zone by which a REGISTER went,
// as the host that logged it numbers them: the same C, and the same port of E. Other zones between
// the two have ports of their own.
func carries(w *wire.Wire, n *wire.TraversalEnd, t *wire.Txn) bool {
	if in := t.Last.At[logs.IntoC]; in != nil && n.Host == in.Host {
		return n.E == w.Texts.AddrPort(in.Far)
	}
	if out := t.Last.At[logs.OutOfE]; out != nil && n.Host == out.Host {
		return n.E == w.Texts.AddrPort(out.Local) && n.C == w.Texts.AddrPort(out.Far).Addr()
	}
	return false
}

// tellsOfZone reports whether an event says that the zone between C and E failed by which a
// REGISTER went.
func tellsOfZone(w *wire.Wire, v *logs.Event, t *wire.Txn) bool {
	text := strings.ToLower(w.Texts.Of(v.What))
	if !strings.Contains(text, "fail") && !strings.Contains(text, "down") && !strings.Contains(text, "lost") && !strings.Contains(text, "inactive") {
		return false
	}
	_, e := t.Peers(w.Logs)
	atE := e != nil && v.Host == e.ID
	end := farE(w, t)
	if end.IsValid() && strings.Contains(text, end.Addr().String()+":70") {
		return strings.Contains(text, end.String())
	}
	if e != nil && !atE && (!end.IsValid() || !strings.Contains(text, end.Addr().String())) {
		return false
	}
	zone := strings.ToLower(zoneOf(w, t, atE))
	_, name, named := strings.Cut(text, "name:")
	name, _, _ = strings.Cut(name, ": ") // the reason stands behind it
	switch {
	case zone != "" && named:
		return name == zone
	case len(zone) > 3 && strings.Contains(text, zone):
		return true
	}
	return strings.Contains(text, "travers") || atE && zone == "" && strings.Contains(text, "zone")
}

// zoneOf is what the E, or else the C, calls the zone by which a REGISTER went; empty: not known.
func zoneOf(w *wire.Wire, t *wire.Txn, atE bool) string {
	names := w.Zones.OfC
	if atE {
		names = w.Zones.OfE
	}
	if m := t.Last.At[logs.OutOfE]; m != nil {
		if name := names[logs.Tunnel{E: w.Texts.AddrPort(m.Local).Addr(), C: w.Texts.AddrPort(m.Far).Addr()}]; name != "" {
			return name
		}
	}
	if m := t.Last.At[logs.IntoC]; m != nil {
		return names[logs.Tunnel{E: w.Texts.AddrPort(m.Far).Addr(), C: w.Texts.AddrPort(m.Local).Addr()}]
	}
	return ""
}

// farE is where the E from which C received the REGISTER listens for it.
func farE(w *wire.Wire, t *wire.Txn) netip.AddrPort {
	if m := t.Last.At[logs.IntoC]; m != nil {
		return w.Texts.AddrPort(m.Far)
	}
	if m := t.Last.At[logs.OutOfE]; m != nil {
		return w.Texts.AddrPort(m.Local)
	}
	return netip.AddrPort{}
}
