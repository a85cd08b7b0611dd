package logs

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Host is a peer, or what the records call one.
type Host struct {
	ID          Text
	Name        string
	Role        string         // "C", "E" or "": by Source.Role, or else by its ports
	Offset      *time.Duration // its clock minus the collector's; nil: not measured
	SIP, Bodies int64          // records of REGISTER: at INFO, and with the message's text
	sources     []int
	votesC      int
	votesE      int
}

// listHosts lists the hosts that sources name, and those that records name where a
// source names none.
func (l *Logs) listHosts() {
	add := func(id Text) *Host {
		h := l.ByName[id]
		if h == nil {
			h = &Host{ID: id, Name: l.Texts.Of(id)}
			l.ByName[id] = h
			l.Hosts = append(l.Hosts, h)
		}
		return h
	}
	for i, src := range l.Sources {
		if src.Host == "" {
			continue
		}
		h := add(l.Texts.add(src.Host))
		h.sources = append(h.sources, i)
		if src.Role != "" {
			h.Role = strings.ToUpper(src.Role)
		}
		if src.ClockOffset != nil {
			h.Offset = src.ClockOffset
		}
	}
	for i, s := range l.Scans {
		for id := range s.Hosts {
			h := add(id)
			h.SIP, h.Bodies = h.SIP+s.sip[id], h.Bodies+s.bodies[id]
			if src := l.Sources[i]; src.Host == "" {
				h.sources = append(h.sources, i)
				if len(s.Hosts) == 1 && src.Role != "" && h.Role == "" {
					h.Role = strings.ToUpper(src.Role)
				}
			}
		}
	}
}

// tellRoles tells C from E by their ports where nobody said.
func (l *Logs) tellRoles(msgs []*Message) {
	addrs := map[netip.Addr]string{}
	for _, m := range msgs {
		if e := l.Texts.AddrPort(m.Local).Addr(); e.IsValid() {
			addrs[e] = l.Texts.Of(m.Host)
		}
		l.ByName[m.Host].vote(l.Texts.AddrPort(m.Local).Port(), l.Texts.AddrPort(m.Far).Port(), m)
	}
	for i, e := range l.Texts.ports {
		if name := addrs[e.Addr()]; name != "" {
			l.Own[End(i)] = name
		}
	}
	for _, h := range l.Hosts {
		switch {
		case h.Role != "":
		case h.votesC > h.votesE:
			h.Role = "C"
		case h.votesE > h.votesC:
			h.Role = "E"
		}
	}
	slices.SortFunc(l.Hosts, func(x, y *Host) int { return cmp.Or(cmp.Compare(x.Role, y.Role), cmp.Compare(x.Name, y.Name)) })
}

// vote looks at the ports of one message: E listens on those of the traversal zone,
// C calls them, and calls CUCM from 25000 to 29999.
func (h *Host) vote(local, far uint16, m *Message) {
	toPhone := m.Is(Request) != m.Is(Sent)
	switch {
	case TraversalPort(local) && !toPhone:
		h.votesE++
	case TraversalPort(far) && toPhone:
		h.votesC++
	case !toPhone && local >= 25000 && local <= 29999 && (far == 5060 || far == 5061):
		h.votesC++
	case toPhone && local == 5061 && far >= 1024:
		h.votesE++
	}
}

// BodiesLogged of one host: the edges of a slice may cut a pair of records, so one in
// ten may lack its body.
func (h *Host) BodiesLogged() string {
	switch {
	case h.SIP == 0 && h.Bodies == 0:
		return "unknown"
	case h.Bodies == 0:
		return "no"
	case h.Bodies*10 >= h.SIP*9-10:
		return "yes"
	default:
		return "mixed"
	}
}

// HostNamed is the host of a name; nil: there is none.
func (l *Logs) HostNamed(name string) *Host {
	id, ok := l.Texts.ids[name]
	if !ok {
		return nil
	}
	return l.ByName[id]
}

// OfRole are the hosts of a role.
func (l *Logs) OfRole(role string) []*Host {
	var out []*Host
	for _, h := range l.Hosts {
		if h.Role == role {
			out = append(out, h)
		}
	}
	return out
}
