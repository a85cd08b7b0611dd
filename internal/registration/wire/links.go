package wire

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration/logs"
)

// A Link is a TCP connection from a C to a CUCM node. Its times are by C's clock.
type Link struct {
	C              logs.Text
	Local, Remote  netip.AddrPort
	CUCM           string // the node's name, if messages tell
	Opened, Closed int64  // 0: not seen
	Failed         bool   // it was never opened
	How            string // why it closed or failed, in the log's words
	Heard          int64  // when CUCM last answered on it; 0: it did not
	Silent         int64  // when the first REGISTER was sent on it that CUCM did not answer any more; 0: none was

	notes    []logs.TCPRecord
	from, to int64 // of the messages that C sent on it
}

type linkKey struct {
	c             logs.Text
	local, remote logs.End
}

// Links finds the connection of a message by its ends and its time.
type Links struct {
	All      []*Link // by C and beginning
	carried  map[linkKey][]*Link
	Survived map[*Link]bool // it closed, and a phone on it went on over another without a new registration
}

// connect makes connections of the records of network.tcp and of the messages between C
// and CUCM. Where no record shows one, its messages do, its beginning and end then are
// unknown.
func connect(l *logs.Logs, lines []*Timeline, tcps []logs.TCPRecord) *Links {
	ends, name := nodes(l, lines)
	notes := map[linkKey][]logs.TCPRecord{}
	var order []linkKey
	for _, n := range tcps {
		k := linkKey{n.Host, n.Src, n.Dst}
		if !ends[l.Texts.AddrPort(n.Dst)] {
			k.local, k.remote = n.Dst, n.Src
		}
		if !ends[l.Texts.AddrPort(k.remote)] || l.ByName[n.Host] == nil || l.ByName[n.Host].Role == "E" {
			continue
		}
		if notes[k] == nil {
			order = append(order, k)
		}
		notes[k] = append(notes[k], n)
	}

	out := &Links{carried: map[linkKey][]*Link{}}
	for _, k := range order {
		out.carried[k] = linksOf(l, k, notes[k], name)
	}
	for _, t := range lines {
		for _, at := range t.Attempts {
			for _, m := range at.Messages {
				switch l.Stage(m) {
				case logs.ToCUCM:
					out.carry(l, m, name)
				case logs.FromCUCM:
					if k := out.Of(m); k != nil {
						k.Heard = max(k.Heard, m.At)
					}
				}
			}
		}
	}
	for _, ls := range out.carried {
		out.All = append(out.All, ls...)
	}
	slices.SortFunc(out.All, func(x, y *Link) int {
		return cmp.Or(cmp.Compare(l.Texts.Of(x.C), l.Texts.Of(y.C)), cmp.Compare(x.Begin(), y.Begin()), x.Local.Compare(y.Local), x.Remote.Compare(y.Remote))
	})
	return out
}

// Begin is when it was opened or first used; 0: not known.
func (k *Link) Begin() int64 {
	for _, t := range []int64{k.Opened, k.from, k.Closed} {
		if t != 0 {
			return t
		}
	}
	return 0
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

func linksOf(l *logs.Logs, k linkKey, notes []logs.TCPRecord, name map[netip.Addr]string) []*Link {
	var out []*Link
	var of *Link
	for _, n := range notes {
		what := l.Texts.Of(n.What)
		if of == nil || of.Closed != 0 || of.Failed {
			of = newLink(l, k, name)
			out = append(out, of)
		}
		of.notes = append(of.notes, n)
		switch what {
		case expressway.TCPConnecting:
			if len(of.notes) > 1 { // the end of the one before was not logged
				of.notes = of.notes[:len(of.notes)-1]
				of = newLink(l, k, name)
				of.notes = append(of.notes, n)
				out = append(out, of)
			}
		case expressway.TCPEstablished:
			of.Opened = n.At
		case expressway.TCPClosed:
			of.Closed, of.How = n.At, l.Texts.Of(n.Reason)
		case expressway.TCPFailed:
			of.Failed, of.How = true, l.Texts.Of(n.Reason)
			of.Closed = n.At
		}
		if of.How == "" && (of.Failed || of.Closed != 0) {
			of.How = what
		}
	}
	return out
}

func newLink(l *logs.Logs, k linkKey, name map[netip.Addr]string) *Link {
	out := &Link{C: k.c, Local: l.Texts.AddrPort(k.local), Remote: l.Texts.AddrPort(k.remote)}
	out.CUCM = name[out.Remote.Addr()]
	return out
}

// slack is by how much the records of a connection and of its messages may disagree.
const slack = int64(500 * time.Millisecond)

// Of finds the connection on which a message passed between C and CUCM; nil: none is
// known.
func (ls *Links) Of(m *logs.Message) *Link {
	var best *Link
	for _, k := range ls.carried[linkKey{m.Host, m.Local, m.Far}] {
		if !k.Failed && (k.Opened == 0 || k.Opened-slack <= m.At) && (k.Closed == 0 || m.At <= k.Closed+slack) {
			best = k
		}
	}
	return best
}

// survivors finds the connections whose closing harmed at least one phone not.
func (ls *Links) survivors(lines []*Timeline) {
	ls.Survived = map[*Link]bool{}
	for _, l := range lines {
		var prev *Txn
		for _, t := range l.Txns {
			if !t.Good() {
				if t.Keeps() {
					prev = nil
				}
				continue
			}
			if prev != nil && prev.Link != nil && prev.Link != t.Link && t.Kind == KindKeepAlive && t.Marks.Told && !t.Marks.NewReg {
				if at := prev.Link.Closed; at > prev.Sent && at < t.Sent {
					ls.Survived[prev.Link] = true
				}
			}
			prev = t
		}
	}
}

// silences finds the connections on which CUCM answered nothing any more.
func (ls *Links) silences(l *logs.Logs, lines []*Timeline) {
	for _, t := range lines {
		for _, at := range t.Attempts {
			up := at.SentUp
			if up == nil || at.At[logs.FromCUCM] != nil || at.Reply != nil || l.End-up.At < InFlight || l.Missing("C", up.At, up.At+InFlight) != nil {
				continue
			}
			if k := ls.Of(up); k != nil && up.At > k.Heard && (k.Silent == 0 || up.At < k.Silent) {
				k.Silent = up.At
			}
		}
	}
}

// carry notes that a connection was used, and makes one that no record shows.
func (ls *Links) carry(l *logs.Logs, m *logs.Message, name map[netip.Addr]string) {
	if l.Texts.AddrPort(m.Local).Port() == 0 {
		return
	}
	k := ls.Of(m)
	if k == nil {
		key := linkKey{m.Host, m.Local, m.Far}
		k = newLink(l, key, name)
		ls.carried[key] = append(ls.carried[key], k)
	}
	if k.from == 0 || m.At < k.from {
		k.from = m.At
	}
	k.to = max(k.to, m.At)
}

// Refused is the first attempt to open a connection to the same node that failed between
// two times; nil: none is known.
func (ls *Links) Refused(k *Link, from, to int64) *Link {
	for _, o := range ls.All {
		if o.Failed && o.C == k.C && o.Remote == k.Remote && o.Closed >= from && o.Closed <= to {
			return o
		}
	}
	return nil
}

// Proofs are the records that show its opening and its end.
func (k *Link) Proofs(t *logs.Texts) []logs.Proof {
	var out []logs.Proof
	for _, n := range k.notes {
		out = append(out, n.Shows(t.Of(n.What)))
	}
	return out
}

// Node is the CUCM node's name, or else its address and port.
func (k *Link) Node() string {
	if k.CUCM != "" {
		return k.CUCM
	}
	return k.Remote.String()
}

// InFlight is, in ns, how long before the end of the logs an unanswered REGISTER may still be
// answered: SIP's own patience, 64 times T1 (RFC 3261, section 17.1.2.2).
const InFlight = int64(32 * time.Second)
