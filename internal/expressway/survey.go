package expressway

import (
	"bytes"
	"io"
	"maps"
	"net/netip"
	"slices"

	"rtmtgrab/internal/evidence"
)

// A Survey is what one look over a stretch of records tells of a peer.
type Survey struct {
	Tally
	SIP         int64 // one-line notes of SIP messages (INFO)
	Bodies      int64 // SIP messages in full (DEBUG)
	Credentials int64 // Authorization and Proxy-Authorization headers
	own, peers  map[netip.Addr]bool
	names       map[string]bool // by which some records call their host; at most maxNames
	server      int64           // records of connections to a traversal port of its own
	client      int64           // records of connections from it to another's
}

// maxAddrs bounds what is remembered of addresses that a log names.
const maxAddrs = evidence.MaxAddresses

// maxNames is beyond how many names of its host a log tells nothing by them, and every
// how many records one is looked at.
const (
	maxNames  = 2
	nameEvery = 64
)

// roleRecords is how many records must agree on a role.
const roleRecords = 3

// Add looks over one family's slice.
func (s *Survey) Add(r io.Reader, ref Ref) error {
	return s.count(r, ref, func(line Line) {
		switch {
		case line.Head:
			s.head(line)
			if s.Records%nameEvery == 1 {
				s.name(HostOf(line.Text, ref))
			}
		case !line.NUL():
			s.body(line.Text)
		}
	})
}

func (s *Survey) head(line Line) {
	if !bytes.Contains(line.Text, []byte(`Module="network.`)) {
		return
	}
	if bytes.Contains(line.Text, []byte(`Module="network.sip"`)) && oneLiner(line.Text) {
		s.SIP++
	}
	s.addresses(line.Text)
}

func (s *Survey) name(host string) {
	if s.names == nil {
		s.names = map[string]bool{}
	}
	if host = foldHost(host); host != "" && len(s.names) < maxNames {
		s.names[host] = true
	}
}

// Name is how the records call their host, in lower case; "" if they do not agree.
func (s *Survey) Name() string {
	if len(s.names) != 1 {
		return ""
	}
	for n := range s.names {
		return n
	}
	return ""
}

// Role is what the ports of traversal zones tell: "E" of a host to which others connect
// there, "C" of one that only connects, "" where records are few or do not agree.
func (s *Survey) Role() string {
	switch {
	case s.server >= roleRecords && s.client == 0:
		return "E"
	case s.client >= roleRecords && s.server == 0:
		return "C"
	}
	return ""
}

// role counts a record whose ports say at which end of a traversal zone it was written.
// Both other ports are beyond those that anything listens on: a phone's port may be any.
func (s *Survey) role(near, far []byte) {
	const listening = 7099
	switch n, f := num(near), num(far); {
	case traversal(near) && f > listening:
		s.server++
	case traversal(far) && n > listening:
		s.client++
	}
}

// oneLiner knows the four notes of a SIP message at INFO level.
func oneLiner(head []byte) bool {
	detail, ok := Value(head, "Detail")
	if !ok {
		return false
	}
	for _, p := range []string{"Receive Request Method=", "Sending Request Method=", "Receive Response Code=", "Sending Response Code="} {
		if bytes.HasPrefix(detail, []byte(p)) {
			return true
		}
	}
	return false
}

// body looks at a line that belongs to the record before it.
func (s *Survey) body(b []byte) {
	b = bytes.TrimLeft(b, " |")
	switch {
	case len(b) == 0:
	case b[0] == 'S' && bytes.HasPrefix(b, []byte("SIPMSG:")):
		s.Bodies++
	case (b[0]|0x20 == 'a' || b[0]|0x20 == 'p') && isCredential(b):
		s.Credentials++
	}
}

func isCredential(b []byte) bool {
	name, _, ok := bytes.Cut(b[:min(len(b), 40)], []byte(":"))
	name = bytes.TrimRight(name, " ")
	return ok && (bytes.EqualFold(name, []byte("Authorization")) || bytes.EqualFold(name, []byte("Proxy-Authorization")))
}

// addresses notes the local address, and the far one where either side of the
// connection uses a port of traversal zones: that is another Expressway.
func (s *Survey) addresses(head []byte) {
	if s.own == nil {
		s.own, s.peers = map[netip.Addr]bool{}, map[netip.Addr]bool{}
	}
	local := addr(head, "Local-ip")
	note(s.own, local)
	for _, side := range []string{"Src", "Dst"} {
		port, ok := Value(head, side+"-port")
		if !ok {
			continue
		}
		near, _ := Value(head, "Local-port")
		s.role(near, port)
		if traversal(port) || traversal(near) {
			note(s.peers, addr(head, side+"-ip"))
		}
	}
}

// Join adds what another survey of the same peer found.
func (s *Survey) Join(o *Survey) {
	if s.First.IsZero() || (!o.First.IsZero() && o.First.Before(s.First)) {
		s.First = o.First
	}
	if o.Last.After(s.Last) {
		s.Last = o.Last
	}
	s.Records += o.Records
	s.SIP += o.SIP
	s.Bodies += o.Bodies
	s.Credentials += o.Credentials
	s.server += o.server
	s.client += o.client
	for n := range o.names {
		s.name(n)
	}
	if s.own == nil {
		s.own, s.peers = map[netip.Addr]bool{}, map[netip.Addr]bool{}
	}
	maps.Copy(s.own, o.own)
	maps.Copy(s.peers, o.peers)
}

func note(m map[netip.Addr]bool, a netip.Addr) {
	if a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && len(m) < maxAddrs {
		m[a] = true
	}
}

func addr(head []byte, key string) netip.Addr {
	v, _ := Value(head, key)
	a, err := netip.ParseAddr(string(v))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// traversal knows the SIP ports of traversal zones, 7001 and up
// (docs/expressway-logs.md).
func traversal(port []byte) bool {
	n := num(port)
	return n >= 7001 && n <= 7099
}

// Own lists the local addresses that the records name, in order.
func (s *Survey) Own() []string { return sorted(s.own) }

// Peers lists the far ends of traversal connections, in order.
func (s *Survey) Peers() []string { return sorted(s.peers) }

func sorted(m map[netip.Addr]bool) []string {
	var as []netip.Addr
	for a := range m {
		as = append(as, a)
	}
	slices.SortFunc(as, netip.Addr.Compare)
	var out []string
	for _, a := range as {
		out = append(out, a.String())
	}
	return out
}

// BodiesLogged says whether SIP messages were logged in full: yes, no, mixed, or
// unknown where no SIP was logged at all. The edges of a slice may cut a pair of
// records, so one in ten may lack its body.
func (s *Survey) BodiesLogged() string {
	switch {
	case s.SIP == 0 && s.Bodies == 0:
		return "unknown"
	case s.Bodies == 0:
		return "no"
	case s.Bodies*10 >= s.SIP*9-10:
		return "yes"
	default:
		return "mixed"
	}
}

// Value returns the first value of key="value" in a record's head line.
func Value(head []byte, key string) ([]byte, bool) {
	for rest := head; ; {
		i := bytes.Index(rest, []byte(key))
		if i < 0 {
			return nil, false
		}
		after := rest[i+len(key):]
		if bytes.HasPrefix(after, []byte(`="`)) && (i == 0 || rest[i-1] == ' ') {
			v, _, ok := bytes.Cut(after[2:], []byte(`"`))
			return v, ok
		}
		rest = after
	}
}
