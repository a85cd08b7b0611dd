package expressway

import (
	"bytes"
	"net/netip"
	"strconv"
)

// ends are the addresses and ports of a record as they are read.
type ends struct{ localIP, localPort, srcIP, srcPort, dstIP, dstPort []byte }

// line decodes a record's first line, but for its time. Of keys that repeat the
// first counts.
func (n *Note) line(r *Record) {
	head, _ := takeApart(r.Line(), Ref{MTime: r.Time})
	rest := head.rest
	if i := bytes.Index(rest, escapedBreak); i >= 0 {
		rest = rest[:i] // what follows is the message's
	}
	n.Host, n.Process = hostName(head.host), process(rest)
	var e ends
	var detail, free []byte
	action, cut := false, false
	for {
		key, value, after, ok := nextPair(rest)
		if !ok {
			break
		}
		rest = after
		switch string(key) {
		case "Module":
			first(&n.Module, value)
		case "Level":
			first(&n.Level, value)
			keep(&free, after)
		case "Action":
			if !action {
				n.Sent, action = string(value) == "Sent", true
			}
		case "Local-ip":
			keep(&e.localIP, value)
		case "Local-port":
			keep(&e.localPort, value)
		case "Src-ip":
			keep(&e.srcIP, value)
		case "Src-port":
			keep(&e.srcPort, value)
		case "Dst-ip":
			keep(&e.dstIP, value)
		case "Dst-port":
			keep(&e.dstPort, value)
		case "Msg-Hash":
			first(&n.Hash, value)
		case "Detail":
			cut = cut || detail == nil && after == nil // no quote closes it
			keep(&detail, value)
		case "Reason":
			first(&n.Reason, value)
		case "Event":
			first(&n.Event, value)
		}
	}
	if detail == nil && n.Hash == "" {
		detail = bytes.TrimLeft(free, ": ")
	}
	n.kind(detail, action)
	if n.Kind == NoteSIP {
		n.SIP.Cut = cut
	}
	n.addresses(&e)
}

// first sets a text that is not set yet, without blanks around.
func first(to *string, v []byte) {
	if *to == "" {
		*to = word(bytes.TrimSpace(v))
	}
}

func keep(to *[]byte, v []byte) {
	if *to == nil {
		*to = v
	}
}

// word is string(b), without a new one for the words that most records have.
func word(b []byte) string {
	switch string(b) {
	case "REGISTER":
		return "REGISTER"
	case "network.sip":
		return "network.sip"
	case "network.tcp":
		return "network.tcp"
	case "INFO":
		return "INFO"
	case "DEBUG":
		return "DEBUG"
	case "ERROR":
		return "ERROR"
	case "tvcs":
		return "tvcs"
	case TCPConnecting:
		return TCPConnecting
	case TCPEstablished:
		return TCPEstablished
	case TCPClosed:
		return TCPClosed
	case TCPFailed:
		return TCPFailed
	}
	return string(b)
}

// process reads the process from what follows the host: `httpd[8724]: web: …`.
func process(b []byte) string {
	name, _, _ := bytes.Cut(b, []byte(" "))
	if bytes.IndexByte(name, '=') >= 0 {
		return ""
	}
	name, _, _ = bytes.Cut(name, []byte("["))
	return word(bytes.TrimRight(name, ":-"))
}

// nextPair cuts the first key="value" off b. A value without a closing quote, of a
// cut line, runs to the end.
func nextPair(b []byte) (key, value, rest []byte, ok bool) {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(`="`))
		if i < 0 {
			return nil, nil, nil, false
		}
		i += at
		key = b[at:i]
		key = key[bytes.LastIndexByte(key, ' ')+1:]
		if at = i + 2; len(key) == 0 {
			continue
		}
		value, rest, _ = bytes.Cut(b[at:], []byte(`"`))
		return key, value, rest, true
	}
}

// kind tells what the record says by its Detail.
func (n *Note) kind(detail []byte, action bool) {
	switch {
	case n.Module == "network.sip":
		if s, sent, hash, ok := parseOneLine(detail); ok {
			n.Kind, n.SIP = NoteSIP, &s
			first(&n.Hash, hash)
			if !action {
				n.Sent = sent
			}
			return
		}
	case n.Module == "network.tcp" && bytes.HasPrefix(detail, []byte("TCP ")):
		n.Kind, n.TCP = NoteTCP, word(detail)
		return
	case n.Module == "" && n.Event != "":
		n.Kind = NoteEvent
	}
	n.Detail = harmless(detail)
}

// maxDetail bounds the text of a Note.
const maxDetail = 4 << 10

// harmless is a text without the header of a credential and what follows it.
func harmless(b []byte) string {
	b = b[:min(len(b), maxDetail)]
	if i := bytes.Index(bytes.ToLower(b), []byte("authorization")); i >= 0 {
		b = b[:i]
	}
	return string(bytes.TrimSpace(b))
}

func (n *Note) addresses(e *ends) {
	n.Local = addrPort(e.localIP, e.localPort)
	switch {
	case n.Module == "network.tcp" || n.Kind == NoteEvent:
		if e.localIP == nil {
			n.Local = addrPort(e.srcIP, e.srcPort)
		}
		n.Peer = addrPort(e.dstIP, e.dstPort)
	case n.Sent:
		n.Peer = addrPort(e.dstIP, e.dstPort)
	default:
		n.Peer = addrPort(e.srcIP, e.srcPort)
	}
}

func addrPort(ip, port []byte) netip.AddrPort {
	ip = bytes.Trim(ip, "[] ")
	a, err := netip.ParseAddr(string(ip))
	if err != nil {
		return netip.AddrPort{}
	}
	p, _ := strconv.ParseUint(string(port), 10, 16)
	return netip.AddrPortFrom(a.Unmap(), uint16(p))
}
