package registration

import (
	"net/netip"
	"slices"
	"time"

	"rtmtgrab/internal/expressway"
)

// A link is a TCP connection from a C to a CUCM node.
type link struct {
	c              text
	local, remote  netip.AddrPort
	cucm           string // its name, if messages tell
	opened, closed int64  // 0: not seen
	failed         bool
	how            string
	proofs         []tcpNote
	from, to       int64 // of the messages on it
	devices        map[string]bool
}

type linkKey struct {
	c             text
	local, remote uint32
}

// carriedBy finds the connection of a message by its ends and its time.
type carriedBy map[linkKey][]*link

// connect makes connections of the records of network.tcp and of the messages that C
// sent to CUCM. Where no record shows one, its messages do, its beginning and end then
// are unknown.
func (a *analysis) connect() {
	nodes, name := a.nodes()
	a.pickTCP(nodes)
	notes := map[linkKey][]tcpNote{}
	var order []linkKey
	for _, n := range a.tcps {
		k := linkKey{n.host, n.src, n.dst}
		if !nodes[a.texts.end(n.dst)] {
			k.local, k.remote = n.dst, n.src
		}
		if !nodes[a.texts.end(k.remote)] || a.byName[n.host] == nil || a.byName[n.host].role == "E" {
			continue
		}
		if notes[k] == nil {
			order = append(order, k)
		}
		notes[k] = append(notes[k], n)
	}
	a.carried = carriedBy{}
	for _, k := range order {
		a.carried[k] = a.linksOf(k, notes[k], name)
	}
	for _, l := range a.lines {
		for _, t := range l.attempts {
			if m := t.at[toCUCM]; m != nil {
				a.carry(m, name)
			}
		}
	}
	for _, ls := range a.carried {
		a.links = append(a.links, ls...)
	}
	slices.SortFunc(a.links, func(x, y *link) int {
		return first(compare(a.texts.of(x.c), a.texts.of(y.c)), compare(x.begin(), y.begin()), x.local.Compare(y.local), x.remote.Compare(y.remote))
	})
}

func (l *link) begin() int64 {
	for _, t := range []int64{l.opened, l.from, l.closed} {
		if t != 0 {
			return t
		}
	}
	return 0
}

// nodes are the ends to which C sends REGISTERs, and the names that go with their
// addresses.
func (a *analysis) nodes() (map[netip.AddrPort]bool, map[netip.Addr]string) {
	ends, name, twice := map[netip.AddrPort]bool{}, map[netip.Addr]string{}, map[netip.Addr]bool{}
	for _, l := range a.lines {
		for _, t := range l.attempts {
			m := t.at[toCUCM]
			if m == nil {
				continue
			}
			end := a.texts.end(m.far)
			ends[end] = true
			if n := name[end.Addr()]; n != "" && n != a.texts.of(m.to) {
				twice[end.Addr()] = true
			}
			name[end.Addr()] = a.texts.of(m.to)
		}
	}
	for addr := range twice {
		delete(name, addr)
	}
	return ends, name
}

func (a *analysis) linksOf(k linkKey, notes []tcpNote, name map[netip.Addr]string) []*link {
	var out []*link
	var l *link
	for _, n := range notes {
		what := a.texts.of(n.what)
		if l == nil || l.closed != 0 || l.failed {
			l = a.newLink(k, name)
			out = append(out, l)
		}
		l.proofs = append(l.proofs, n)
		switch what {
		case expressway.TCPConnecting:
			if len(l.proofs) > 1 { // the end of the one before was not logged
				l.proofs = l.proofs[:len(l.proofs)-1]
				l = a.newLink(k, name)
				l.proofs = append(l.proofs, n)
				out = append(out, l)
			}
		case expressway.TCPEstablished:
			l.opened = n.at
		case expressway.TCPClosed:
			l.closed, l.how = n.at, a.texts.of(n.reason)
		case expressway.TCPFailed:
			l.failed, l.how = true, a.texts.of(n.reason)
			l.closed = n.at
		}
		if l.how == "" && (l.failed || l.closed != 0) {
			l.how = what
		}
	}
	return out
}

func (a *analysis) newLink(k linkKey, name map[netip.Addr]string) *link {
	l := &link{c: k.c, local: a.texts.end(k.local), remote: a.texts.end(k.remote), devices: map[string]bool{}}
	l.cucm = name[l.remote.Addr()]
	return l
}

// slack is by how much the records of a connection and of its messages may disagree.
const slack = int64(500 * time.Millisecond)

// linkOf finds the connection on which C sent a message.
func (a *analysis) linkOf(m *message) *link {
	var best *link
	for _, l := range a.carried[linkKey{m.host, m.local, m.far}] {
		if !l.failed && (l.opened == 0 || l.opened-slack <= m.at) && (l.closed == 0 || m.at <= l.closed+slack) {
			best = l
		}
	}
	return best
}

// carry notes that a connection was used, and makes one that no record shows.
func (a *analysis) carry(m *message, name map[netip.Addr]string) {
	if a.texts.end(m.local).Port() == 0 {
		return
	}
	l := a.linkOf(m)
	if l == nil {
		k := linkKey{m.host, m.local, m.far}
		l = a.newLink(k, name)
		a.carried[k] = append(a.carried[k], l)
	}
	if l.from == 0 || m.at < l.from {
		l.from = m.at
	}
	l.to = max(l.to, m.at)
}
