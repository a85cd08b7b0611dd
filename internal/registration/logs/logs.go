// Package logs reads from the logs of Expressways what bears on registrations: REGISTERs
// and their answers, records of TCP connections and events, and the numbers of phones
// (docs/expressway-logs.md). It tells which host is an Expressway-C and which an E, and
// how much of the window the logs cover.
//
// Times are int64, nanoseconds of Unix time: by the collector's clock where the host's
// offset was measured, else by the host's own. Neither the order of the sources nor that of
// records up to 5 s counts, and what stands in two files is kept once. It does not know what
// the messages mean together: that is package wire's.
package logs

import (
	"cmp"
	"net/netip"
	"rtmtgrab/internal/evidence"
	"slices"
	"strings"
	"time"
)

// Logs are what was read and what is known beside it: the peers, and how much of the
// window their logs cover. They do not change after read.
type Logs struct {
	Window    evidence.Window // that the logs were asked for; empty: not known
	Peers     []string        // Expressways that the logs name and nobody configured
	Texts     *Texts
	Sources   []Source
	Scans     []*Scan
	Hosts     []*Host
	Events    []Event // that may explain a loss, by host and time
	ByName    map[Text]*Host
	Own       map[uint32]string   // ends of the hosts themselves
	Strangers map[string][]string // addresses of peers without logs, by role
	Bodies    string              // yes, no, mixed, unknown
	Begin     int64               // where the window begins, or the logs do
	End       int64               // the last record of the peers that talk to CUCM, or of all
}

// A Host is a peer, or what the records call one.
type Host struct {
	ID          Text
	Name        string
	Role        string // "C", "E" or ""
	Offset      *time.Duration
	SIP, Bodies int64 // messages of REGISTER
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
			l.Own[uint32(i)] = name
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

// findStrangers lists the peers that messages passed through and of which there is no
// log, by role and address.
func (l *Logs) findStrangers(msgs []*Message) {
	seen := map[uint32]bool{}
	for _, m := range msgs {
		role := ""
		switch l.Stage(m) {
		case OutOfE, IntoE:
			role = "C"
		case IntoC, OutOfC:
			role = "E"
		}
		if role == "" || seen[m.Far] {
			continue
		}
		seen[m.Far] = true
		addr := l.Texts.AddrPort(m.Far).Addr()
		if !addr.IsValid() || l.Own[m.Far] != "" || slices.Contains(l.Strangers[role], addr.String()) {
			continue
		}
		l.Strangers[role] = append(l.Strangers[role], addr.String())
	}
	for _, s := range l.Strangers {
		slices.Sort(s)
	}
}

// bodiesLogged says whether SIP messages were logged in full on the hosts.
func (l *Logs) bodiesLogged() string {
	out := ""
	for _, h := range l.Hosts {
		one := h.BodiesLogged()
		switch {
		case one == "unknown":
		case out == "":
			out = one
		case out != one:
			out = "mixed"
		}
	}
	if out == "" {
		return "unknown"
	}
	return out
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

func (l *Logs) OfRole(role string) []*Host {
	var out []*Host
	for _, h := range l.Hosts {
		if h.Role == role {
			out = append(out, h)
		}
	}
	return out
}

// Teller is the role whose logs tell how phones are registered: C, or E where there are
// none of C.
func (l *Logs) Teller() string {
	if slices.ContainsFunc(l.OfRole("C"), func(h *Host) bool { return h.SIP+h.Bodies > 0 }) {
		return "C"
	}
	return "E"
}
