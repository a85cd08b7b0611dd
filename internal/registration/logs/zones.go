package logs

import (
	"net/netip"
	"strings"

	"rtmtgrab/internal/expressway"
)

// Tunnel are the addresses of an E and a C between which REGISTERs pass, as the host that logged
// them numbers both.
type Tunnel struct{ E, C netip.Addr }

// Zones are the names of the zones between E and C, by the Via headers of REGISTERs: as an E calls
// that by which it sent them on, and a C that by which they came. Those that are lacking are not known.
type Zones struct{ OfE, OfC map[Tunnel]string }

const (
	maxZones    = 1000
	maxZoneName = 128
)

// see takes in those of a REGISTER: E's own Via names both, and is the topmost up to C.
func (z *Zones) see(n *expressway.Note) {
	s := n.SIP
	if !s.Request || len(s.Vias) == 0 {
		return
	}
	t := Tunnel{n.Peer.Addr(), n.Local.Addr()}
	if n.Sent {
		t = Tunnel{t.C, t.E}
	}
	out := expressway.ViaParam(s.Vias[0], "egress-zone")
	if !strings.HasPrefix(out, "CEtcp-") && !strings.HasPrefix(out, "CEtls-") {
		add(&z.OfE, t, out)
		return
	}
	if len(s.Vias) > 1 { // C sends it on to CUCM
		t = Tunnel{sentBy(s.Vias[1]), n.Local.Addr()}
		add(&z.OfC, t, expressway.ViaParam(s.Vias[1], "ingress-zone"))
	}
}

// sentBy is the address in a Via; the zero one if it has a name.
func sentBy(via string) netip.Addr {
	via, _, _ = strings.Cut(via, ";")
	host := via[strings.LastIndexByte(via, ' ')+1:]
	if e, err := netip.ParseAddrPort(host); err == nil {
		return e.Addr().Unmap()
	}
	a, _ := netip.ParseAddr(strings.Trim(host, "[]"))
	return a.Unmap()
}

func add(to *map[Tunnel]string, t Tunnel, name string) {
	if name == "" || len(name) > maxZoneName || !t.E.IsValid() || !t.C.IsValid() || (*to)[t] == name || len(*to) >= maxZones {
		return
	}
	if *to == nil {
		*to = map[Tunnel]string{}
	}
	(*to)[t] = strings.Clone(name)
}

// join takes in those of another source.
func (z *Zones) join(o Zones) {
	for t, name := range o.OfE {
		add(&z.OfE, t, name)
	}
	for t, name := range o.OfC {
		add(&z.OfC, t, name)
	}
}
