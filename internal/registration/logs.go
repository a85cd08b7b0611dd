package registration

import (
	"cmp"
	"net/netip"
	"rtmtgrab/internal/evidence"
	"slices"
	"strings"
	"time"
)

// logs are what was read and what is known beside it: the peers, and how much of the
// window their logs cover. They do not change after read.
type logs struct {
	Window    evidence.Window // that the logs were asked for; empty: not known
	Peers     []string        // Expressways that the logs name and nobody configured
	texts     *texts
	sources   []Source
	scans     []*scan
	hosts     []*host
	events    []event // that may explain a loss, by host and time
	byName    map[text]*host
	own       map[uint32]string   // ends of the hosts themselves
	strangers map[string][]string // addresses of peers without logs, by role
	bodies    string              // yes, no, mixed, unknown
	begin     int64               // where the window begins, or the logs do
	end       int64               // the last record of the peers that talk to CUCM, or of all
}

// A host is a peer, or what the records call one.
type host struct {
	id          text
	name        string
	role        string // "C", "E" or ""
	offset      *time.Duration
	sip, bodies int64 // messages of REGISTER
	sources     []int
	votesC      int
	votesE      int
}

// listHosts lists the hosts that sources name, and those that records name where a
// source names none.
func (l *logs) listHosts() {
	add := func(id text) *host {
		h := l.byName[id]
		if h == nil {
			h = &host{id: id, name: l.texts.of(id)}
			l.byName[id] = h
			l.hosts = append(l.hosts, h)
		}
		return h
	}
	for i, src := range l.sources {
		if src.Host == "" {
			continue
		}
		h := add(l.texts.add(src.Host))
		h.sources = append(h.sources, i)
		if src.Role != "" {
			h.role = strings.ToUpper(src.Role)
		}
		if src.ClockOffset != nil {
			h.offset = src.ClockOffset
		}
	}
	for i, s := range l.scans {
		for id := range s.hosts {
			h := add(id)
			h.sip, h.bodies = h.sip+s.sip[id], h.bodies+s.bodies[id]
			if src := l.sources[i]; src.Host == "" {
				h.sources = append(h.sources, i)
				if len(s.hosts) == 1 && src.Role != "" && h.role == "" {
					h.role = strings.ToUpper(src.Role)
				}
			}
		}
	}
}

// tellRoles tells C from E by their ports where nobody said.
func (l *logs) tellRoles(msgs []*message) {
	addrs := map[netip.Addr]string{}
	for _, m := range msgs {
		if e := l.texts.end(m.local).Addr(); e.IsValid() {
			addrs[e] = l.texts.of(m.host)
		}
		l.byName[m.host].vote(l.texts.end(m.local).Port(), l.texts.end(m.far).Port(), m)
	}
	for i, e := range l.texts.ports {
		if name := addrs[e.Addr()]; name != "" {
			l.own[uint32(i)] = name
		}
	}
	for _, h := range l.hosts {
		switch {
		case h.role != "":
		case h.votesC > h.votesE:
			h.role = "C"
		case h.votesE > h.votesC:
			h.role = "E"
		}
	}
	slices.SortFunc(l.hosts, func(x, y *host) int { return cmp.Or(cmp.Compare(x.role, y.role), cmp.Compare(x.name, y.name)) })
}

// vote looks at the ports of one message: E listens on those of the traversal zone,
// C calls them, and calls CUCM from 25000 to 29999.
func (h *host) vote(local, far uint16, m *message) {
	toPhone := m.is(isRequest) != m.is(isSent)
	switch {
	case traversalPort(local) && !toPhone:
		h.votesE++
	case traversalPort(far) && toPhone:
		h.votesC++
	case !toPhone && local >= 25000 && local <= 29999 && (far == 5060 || far == 5061):
		h.votesC++
	case toPhone && local == 5061 && far >= 1024:
		h.votesE++
	}
}

// findStrangers lists the peers that messages passed through and of which there is no
// log, by role and address.
func (l *logs) findStrangers(msgs []*message) {
	seen := map[uint32]bool{}
	for _, m := range msgs {
		role := ""
		switch l.stage(m) {
		case outOfE, intoE:
			role = "C"
		case intoC, outOfC:
			role = "E"
		}
		if role == "" || seen[m.far] {
			continue
		}
		seen[m.far] = true
		addr := l.texts.end(m.far).Addr()
		if !addr.IsValid() || l.own[m.far] != "" || slices.Contains(l.strangers[role], addr.String()) {
			continue
		}
		l.strangers[role] = append(l.strangers[role], addr.String())
	}
	for _, s := range l.strangers {
		slices.Sort(s)
	}
}

// bodiesLogged says whether SIP messages were logged in full on the hosts.
func (l *logs) bodiesLogged() string {
	out := ""
	for _, h := range l.hosts {
		one := h.bodiesLogged()
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

// bodiesLogged of one host: the edges of a slice may cut a pair of records, so one in
// ten may lack its body.
func (h *host) bodiesLogged() string {
	switch {
	case h.sip == 0 && h.bodies == 0:
		return "unknown"
	case h.bodies == 0:
		return "no"
	case h.bodies*10 >= h.sip*9-10:
		return "yes"
	default:
		return "mixed"
	}
}

// hostNamed is the host of a name; nil: there is none.
func (l *logs) hostNamed(name string) *host {
	id, ok := l.texts.ids[name]
	if !ok {
		return nil
	}
	return l.byName[id]
}

func (l *logs) ofRole(role string) []*host {
	var out []*host
	for _, h := range l.hosts {
		if h.role == role {
			out = append(out, h)
		}
	}
	return out
}

// teller is the role whose logs tell how phones are registered: C, or E where there are
// none of C.
func (l *logs) teller() string {
	if slices.ContainsFunc(l.ofRole("C"), func(h *host) bool { return h.sip+h.bodies > 0 }) {
		return "C"
	}
	return "E"
}
