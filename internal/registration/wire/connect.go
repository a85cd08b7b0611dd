package wire

import (
	"net/netip"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration/logs"
)

// A connector makes the connections between Cs and CUCM of what the logs show of them.
type connector struct {
	l     *logs.Logs
	nodes map[netip.AddrPort]bool // see nodes
	names map[netip.Addr]string
	links *Links
}

// connect makes connections of the records of network.tcp and of the messages between C
// and CUCM. Where no record shows one, its messages do, its beginning and end then are
// unknown.
func connect(l *logs.Logs, lines []*Timeline, tcps []logs.TCPRecord) *Links {
	c := connector{l: l, links: &Links{Survived: map[*Link]bool{}, tenures: map[ends][]tenure{}, failed: map[route][]*Link{}}}
	c.nodes, c.names = nodes(l, lines)
	c.takeRecords(tcps)
	c.eachMessage(lines, logs.ToCUCM, c.carry)
	c.eachMessage(lines, logs.FromCUCM, func(m *logs.Message) {
		if k := c.links.Of(m); k != nil {
			k.Heard = max(k.Heard, m.At)
		}
	})
	c.links.sort(l.Texts)
	return c.links
}

// nodes are the ends to which C sends REGISTERs, and the names that go with their
// addresses.
func nodes(l *logs.Logs, lines []*Timeline) (map[netip.AddrPort]bool, map[netip.Addr]string) {
	ends, name, twice := map[netip.AddrPort]bool{}, map[netip.Addr]string{}, map[netip.Addr]bool{}
	for _, t := range lines {
		for _, at := range t.Attempts {
			m := at.At[logs.ToCUCM]
			if m == nil {
				continue
			}
			end := l.Texts.AddrPort(m.Far)
			ends[end] = true
			if n := name[end.Addr()]; n != "" && n != l.Texts.Of(m.To) {
				twice[end.Addr()] = true
			}
			name[end.Addr()] = l.Texts.Of(m.To)
		}
	}
	for addr := range twice {
		delete(name, addr)
	}
	return ends, name
}

// takeRecords makes connections of their records, which are in time order.
func (c *connector) takeRecords(tcps []logs.TCPRecord) {
	notes := map[ends][]logs.TCPRecord{}
	for _, n := range tcps {
		k := ends{n.Host, n.Src, n.Dst}
		if !c.nodes[c.l.Texts.AddrPort(n.Dst)] {
			k.local, k.remote = n.Dst, n.Src
		}
		if h := c.l.ByName[n.Host]; h == nil || h.Role == "E" || !c.nodes[c.l.Texts.AddrPort(k.remote)] {
			continue
		}
		notes[k] = append(notes[k], n)
	}
	for k, of := range notes {
		links := c.linksOf(k, of)
		c.links.All = append(c.links.All, links...)
		c.links.tenures[k] = tenuresOf(links)
	}
}

// linksOf are the connections between two ends, one after the other.
func (c *connector) linksOf(k ends, notes []logs.TCPRecord) []*Link {
	var out []*Link
	var of *Link
	for _, n := range notes {
		what := c.l.Texts.Of(n.What)
		if of == nil || of.Closed != 0 || of.Failed || what == expressway.TCPConnecting { // where it is open, its end was not logged
			of = c.newLink(k)
			out = append(out, of)
		}
		of.notes = append(of.notes, n)
		switch what {
		case expressway.TCPEstablished:
			of.Opened = n.At
		case expressway.TCPClosed:
			of.Closed, of.How = n.At, c.l.Texts.Of(n.Reason)
		case expressway.TCPFailed:
			of.Failed, of.How = true, c.l.Texts.Of(n.Reason)
			of.Closed = n.At
		}
		if of.How == "" && (of.Failed || of.Closed != 0) {
			of.How = what
		}
	}
	return out
}

func (c *connector) newLink(k ends) *Link {
	out := &Link{C: k.c, Local: c.l.Texts.AddrPort(k.local), Remote: c.l.Texts.AddrPort(k.remote)}
	out.CUCM = c.names[out.Remote.Addr()]
	return out
}

// eachMessage gives the messages of a stage.
func (c *connector) eachMessage(lines []*Timeline, s logs.Stage, do func(*logs.Message)) {
	for _, t := range lines {
		for _, at := range t.Attempts {
			for _, m := range at.Messages {
				if c.l.Stage(m) == s {
					do(m)
				}
			}
		}
	}
}

// carry notes that a connection was used, and makes one that no record shows.
func (c *connector) carry(m *logs.Message) {
	if c.l.Texts.AddrPort(m.Local).Port() == 0 {
		return
	}
	k := c.links.Of(m)
	if k == nil {
		k = c.unrecorded(m)
	}
	if k.from == 0 || m.At < k.from {
		k.from = m.At
	}
}

// unrecorded makes the connection of a message where no record shows one.
func (c *connector) unrecorded(m *logs.Message) *Link {
	e := endsOf(m)
	if c.links.tenures[e] == nil {
		c.links.tenures[e] = tenuresOf(nil)
	}
	ts := c.links.tenures[e]
	k := c.newLink(e)
	ts[tenureAt(ts, m.At, begun)].after = k
	c.links.All = append(c.links.All, k)
	return k
}
