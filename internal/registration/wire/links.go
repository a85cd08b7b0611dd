package wire

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"time"

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

	notes []logs.TCPRecord // in time order
	from  int64            // when C sent the first message on it; 0: none was seen
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

// Node is the CUCM node's name, or else its address and port.
func (k *Link) Node() string {
	if k.CUCM != "" {
		return k.CUCM
	}
	return k.Remote.String()
}

// Proofs are the records that show its opening and its end.
func (k *Link) Proofs(t *logs.Texts) []logs.Proof {
	var out []logs.Proof
	for _, n := range k.notes {
		out = append(out, n.Shows(t.Of(n.What)))
	}
	return out
}

// Links are the connections between Cs and CUCM.
type Links struct {
	All      []*Link        // by C and beginning
	Survived map[*Link]bool // it closed, and a phone on it went on over another without a new registration

	tenures map[ends][]tenure
	failed  map[route][]*Link // those that were never opened, by the time at which they failed
}

// ends are the two ends of a connection, as its C numbers them.
type ends struct {
	c             logs.Text
	local, remote logs.End
}

// A route is the way from a C to a node.
type route struct {
	c    logs.Text
	node netip.Addr
}

// Of is the connection on which a message passed between C and CUCM; nil: none is known.
func (ls *Links) Of(m *logs.Message) *Link {
	ts := ls.tenures[endsOf(m)]
	if len(ts) == 0 {
		return nil
	}
	t := &ts[tenureAt(ts, m.At, begun)]
	if k := t.link; k != nil && (k.Closed == 0 || m.At <= k.Closed+slack) {
		return k
	}
	return t.after
}

func endsOf(m *logs.Message) ends { return ends{m.Host, m.Local, m.Far} }

// Refused is the first attempt to open a connection to the same node and port that failed
// between two times; nil: none is known.
func (ls *Links) Refused(k *Link, from, to int64) *Link {
	for _, o := range ls.failedFrom(k.C, k.Remote.Addr(), from) {
		if o.Closed > to {
			break
		}
		if o.Remote == k.Remote {
			return o
		}
	}
	return nil
}

// RefusedBy is the first attempt of a C to open a connection to a node, on any port, that
// failed between two times; nil: none is known.
func (ls *Links) RefusedBy(c logs.Text, node netip.Addr, from, to int64) *Link {
	if of := ls.failedFrom(c, node, from); len(of) > 0 && of[0].Closed <= to {
		return of[0]
	}
	return nil
}

func (ls *Links) failedFrom(c logs.Text, node netip.Addr, from int64) []*Link {
	of := ls.failed[route{c, node}]
	return of[sort.Search(len(of), func(i int) bool { return of[i].Closed >= from }):]
}

// survivors finds the connections whose closing harmed at least one phone not.
func (ls *Links) survivors(lines []*Timeline) {
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

// InFlight is, in ns, how long before the end of the logs an unanswered REGISTER may still be
// answered: SIP's own patience, 64 times T1 (RFC 3261, section 17.1.2.2).
const InFlight = int64(32 * time.Second)

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

// sort orders the connections once all are known.
func (ls *Links) sort(t *logs.Texts) {
	slices.SortStableFunc(ls.All, func(x, y *Link) int {
		return cmp.Or(cmp.Compare(t.Of(x.C), t.Of(y.C)), cmp.Compare(x.Begin(), y.Begin()), x.Local.Compare(y.Local), x.Remote.Compare(y.Remote))
	})
	for _, k := range ls.All {
		if k.Failed {
			r := route{k.C, k.Remote.Addr()}
			ls.failed[r] = append(ls.failed[r], k)
		}
	}
	for _, of := range ls.failed {
		slices.SortStableFunc(of, func(x, y *Link) int { return cmp.Compare(x.Closed, y.Closed) })
	}
}
