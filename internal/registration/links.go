package registration

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration/logs"
)

// A link is a TCP connection from a C to a CUCM node.
type link struct {
	c              logs.Text
	local, remote  netip.AddrPort
	cucm           string // its name, if messages tell
	opened, closed int64  // 0: not seen
	failed         bool   // it was never opened
	how            string // why it closed or failed, in the log's words
	proofs         []logs.TCPRecord
	from, to       int64 // of the messages that C sent on it
	heard          int64 // when CUCM last answered on it
	silent         int64 // when the first REGISTER was sent on it that CUCM did not answer any more; 0: none was
}

type linkKey struct {
	c             logs.Text
	local, remote uint32
}

// links finds the connection of a message by its ends and its time.
type links struct {
	all      []*link // by C and beginning
	carried  map[linkKey][]*link
	survived map[*link]bool // it closed, and a phone on it went on over another without a new registration
}

// connect makes connections of the records of network.tcp and of the messages between C
// and CUCM. Where no record shows one, its messages do, its beginning and end then are
// unknown.
func connect(l *logs.Logs, lines []*timeline, tcps []logs.TCPRecord) *links {
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

	out := &links{carried: map[linkKey][]*link{}}
	for _, k := range order {
		out.carried[k] = linksOf(l, k, notes[k], name)
	}
	for _, t := range lines {
		for _, at := range t.attempts {
			for _, m := range at.msgs {
				switch l.Stage(m) {
				case logs.ToCUCM:
					out.carry(l, m, name)
				case logs.FromCUCM:
					if k := out.of(m); k != nil {
						k.heard = max(k.heard, m.At)
					}
				}
			}
		}
	}
	for _, ls := range out.carried {
		out.all = append(out.all, ls...)
	}
	slices.SortFunc(out.all, func(x, y *link) int {
		return cmp.Or(cmp.Compare(l.Texts.Of(x.c), l.Texts.Of(y.c)), cmp.Compare(x.begin(), y.begin()), x.local.Compare(y.local), x.remote.Compare(y.remote))
	})
	return out
}

// begin is when it was opened or first used.
func (k *link) begin() int64 {
	for _, t := range []int64{k.opened, k.from, k.closed} {
		if t != 0 {
			return t
		}
	}
	return 0
}

// nodes are the ends to which C sends REGISTERs, and the names that go with their
// addresses.
func nodes(l *logs.Logs, lines []*timeline) (map[netip.AddrPort]bool, map[netip.Addr]string) {
	ends, name, twice := map[netip.AddrPort]bool{}, map[netip.Addr]string{}, map[netip.Addr]bool{}
	for _, t := range lines {
		for _, at := range t.attempts {
			m := at.at[logs.ToCUCM]
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

func linksOf(l *logs.Logs, k linkKey, notes []logs.TCPRecord, name map[netip.Addr]string) []*link {
	var out []*link
	var of *link
	for _, n := range notes {
		what := l.Texts.Of(n.What)
		if of == nil || of.closed != 0 || of.failed {
			of = newLink(l, k, name)
			out = append(out, of)
		}
		of.proofs = append(of.proofs, n)
		switch what {
		case expressway.TCPConnecting:
			if len(of.proofs) > 1 { // the end of the one before was not logged
				of.proofs = of.proofs[:len(of.proofs)-1]
				of = newLink(l, k, name)
				of.proofs = append(of.proofs, n)
				out = append(out, of)
			}
		case expressway.TCPEstablished:
			of.opened = n.At
		case expressway.TCPClosed:
			of.closed, of.how = n.At, l.Texts.Of(n.Reason)
		case expressway.TCPFailed:
			of.failed, of.how = true, l.Texts.Of(n.Reason)
			of.closed = n.At
		}
		if of.how == "" && (of.failed || of.closed != 0) {
			of.how = what
		}
	}
	return out
}

func newLink(l *logs.Logs, k linkKey, name map[netip.Addr]string) *link {
	out := &link{c: k.c, local: l.Texts.AddrPort(k.local), remote: l.Texts.AddrPort(k.remote)}
	out.cucm = name[out.remote.Addr()]
	return out
}

// slack is by how much the records of a connection and of its messages may disagree.
const slack = int64(500 * time.Millisecond)

// of finds the connection on which a message passed between C and CUCM; nil: none is
// known.
func (ls *links) of(m *logs.Message) *link {
	var best *link
	for _, k := range ls.carried[linkKey{m.Host, m.Local, m.Far}] {
		if !k.failed && (k.opened == 0 || k.opened-slack <= m.At) && (k.closed == 0 || m.At <= k.closed+slack) {
			best = k
		}
	}
	return best
}

// survivors finds the connections whose closing harmed at least one phone not.
func (ls *links) survivors(lines []*timeline) {
	ls.survived = map[*link]bool{}
	for _, l := range lines {
		var prev *txn
		for _, t := range l.txns {
			if !t.good() {
				if t.keeps() {
					prev = nil
				}
				continue
			}
			if prev != nil && prev.link != nil && prev.link != t.link && t.kind == KindKeepAlive && t.marks.told && !t.marks.newReg {
				if at := prev.link.closed; at > prev.sent && at < t.sent {
					ls.survived[prev.link] = true
				}
			}
			prev = t
		}
	}
}

// silences finds the connections on which CUCM answered nothing any more.
func (ls *links) silences(l *logs.Logs, lines []*timeline) {
	for _, t := range lines {
		for _, at := range t.attempts {
			up := at.sentUp
			if up == nil || at.at[logs.FromCUCM] != nil || at.reply != nil || l.End-up.At < inFlight || l.Missing("C", up.At, up.At+inFlight) != nil {
				continue
			}
			if k := ls.of(up); k != nil && up.At > k.heard && (k.silent == 0 || up.At < k.silent) {
				k.silent = up.At
			}
		}
	}
}

// carry notes that a connection was used, and makes one that no record shows.
func (ls *links) carry(l *logs.Logs, m *logs.Message, name map[netip.Addr]string) {
	if l.Texts.AddrPort(m.Local).Port() == 0 {
		return
	}
	k := ls.of(m)
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

// refused is the first attempt to open a connection to the same node that failed between
// two times; nil: none is known.
func (ls *links) refused(k *link, from, to int64) *link {
	for _, o := range ls.all {
		if o.failed && o.c == k.c && o.remote == k.remote && o.closed >= from && o.closed <= to {
			return o
		}
	}
	return nil
}

// records are those that show its opening and its end.
func (k *link) records(t *logs.Texts) []logs.Proof {
	var out []logs.Proof
	for _, n := range k.proofs {
		out = append(out, n.Shows(t.Of(n.What)))
	}
	return out
}

func (k *link) node() string {
	if k.cucm != "" {
		return k.cucm
	}
	return k.remote.String()
}
