package registration

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// A host is a peer, or what the records call one.
type host struct {
	id     text
	name   string
	role   string // "C", "E" or ""
	offset *time.Duration
	shift  int64 // ns by which its clock is ahead of the reference's, where hops show more than apartFrom
	// Messages of REGISTER.
	sip, bodies int64
	sources     []int
	votesC      int
	votesE      int
}

// tellRoles lists the hosts and tells C from E by their ports where nobody said.
func (a *analysis) tellRoles() {
	a.byName = map[text]*host{}
	add := func(id text) *host {
		h := a.byName[id]
		if h == nil {
			h = &host{id: id, name: a.texts.of(id)}
			a.byName[id] = h
			a.hosts = append(a.hosts, h)
		}
		return h
	}
	for i, src := range a.sources {
		if src.Host == "" {
			continue
		}
		h := add(a.texts.add(src.Host))
		h.sources = append(h.sources, i)
		if src.Role != "" {
			h.role = strings.ToUpper(src.Role)
		}
		if src.ClockOffset != nil {
			h.offset = src.ClockOffset
		}
	}
	for i, s := range a.scans {
		for id := range s.hosts {
			h := add(id)
			h.sip, h.bodies = h.sip+s.sip[id], h.bodies+s.bodies[id]
			if src := a.sources[i]; src.Host == "" {
				h.sources = append(h.sources, i)
				if len(s.hosts) == 1 && src.Role != "" && h.role == "" {
					h.role = strings.ToUpper(src.Role)
				}
			}
		}
	}
	addrs := map[netip.Addr]string{}
	for _, m := range a.msgs {
		if e := a.texts.end(m.local).Addr(); e.IsValid() {
			addrs[e] = a.texts.of(m.host)
		}
		a.byName[m.host].vote(a.texts.end(m.local).Port(), a.texts.end(m.far).Port(), m)
	}
	a.own = map[uint32]string{}
	for i, e := range a.texts.ports {
		if name := addrs[e.Addr()]; name != "" {
			a.own[uint32(i)] = name
		}
	}
	for _, h := range a.hosts {
		switch {
		case h.role != "":
		case h.votesC > h.votesE:
			h.role = "C"
		case h.votesE > h.votesC:
			h.role = "E"
		}
	}
	slices.SortFunc(a.hosts, func(x, y *host) int { return first(compare(x.role, y.role), compare(x.name, y.name)) })
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
func (a *analysis) findStrangers() {
	a.strangers = map[string][]string{}
	seen := map[uint32]bool{}
	for _, m := range a.msgs {
		role := ""
		switch a.stage(m) {
		case outOfE, intoE:
			role = "C"
		case intoC, outOfC:
			role = "E"
		}
		if role == "" || seen[m.far] {
			continue
		}
		seen[m.far] = true
		addr := a.texts.end(m.far).Addr()
		if !addr.IsValid() || a.own[m.far] != "" || slices.Contains(a.strangers[role], addr.String()) {
			continue
		}
		a.strangers[role] = append(a.strangers[role], addr.String())
	}
	for _, s := range a.strangers {
		slices.Sort(s)
	}
}

// covered reports whether every source of a role covers a span, both ends included,
// and no peer is known of which there is no log. Unknown coverage is none.
func (a *analysis) covered(role string, from, to int64) bool {
	w := a.Window
	if end := w.Until.UnixNano(); !w.Empty() { // records up to 5 s after it come along
		from, to = min(from, end), min(to, end)
	}
	since, until := time.Unix(0, from), time.Unix(0, to)
	if len(a.strangers[role]) > 0 || w.Empty() || since.Before(w.Since) || until.After(w.Until) || len(a.Peers) > 0 {
		return false
	}
	some := false
	for _, h := range a.hosts {
		if h.role == "" {
			return false
		}
		if h.role != role {
			continue
		}
		log := false
		for _, i := range h.sources {
			src := &a.sources[i]
			if src.Family == "messages" || src.Family == "developer_log" {
				continue
			}
			if !src.Complete && len(src.Missing) == 0 || a.scans[i].err != nil || a.scans[i].dropped > 0 || overlaps(src.Missing, since, until) {
				return false
			}
			log = true
		}
		if !log {
			return false
		}
		some = true
	}
	return some
}

func overlaps(missing []evidence.Span, since, until time.Time) bool {
	return slices.ContainsFunc(missing, func(s evidence.Span) bool { return !s.Since.After(until) && s.Until.After(since) })
}

// bodiesLogged says whether SIP messages were logged in full on the hosts of the
// analysis: yes, no, mixed or unknown.
func (a *analysis) bodiesLogged() string {
	out := ""
	for _, h := range a.hosts {
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

func (a *analysis) ofRole(role string) []*host {
	var out []*host
	for _, h := range a.hosts {
		if h.role == role {
			out = append(out, h)
		}
	}
	return out
}
