package cucmtrace

import (
	"bytes"
	"net/netip"
	"strconv"

	"rtmtgrab/internal/expressway"
)

// A Message is a SIP message that a node received or sent.
type Message struct {
	Sent bool
	Peer netip.AddrPort // with whom; zero: not said
	SIP  expressway.SIP
}

// Message is the SIP message of a record; false: it shows none.
func (r *Record) Message() (Message, bool) {
	if !r.Head {
		return Message{}, false
	}
	line, rest, ok := bytes.Cut(r.Text, []byte("\n"))
	if !ok {
		return Message{}, false
	}
	m, ok := messageLine(line)
	if !ok {
		return Message{}, false
	}
	if mark, after, ok := bytes.Cut(rest, []byte("\n")); ok && len(mark) > 2 && mark[0] == '[' {
		rest = after // [7001,NET]
	}
	m.SIP, ok = expressway.ParseSIP(rest)
	return m, ok
}

var (
	incoming = []byte("Incoming SIP ")
	outgoing = []byte("Outgoing SIP ")
	message  = []byte(" message ")
)

// messageLine reads the line before a message:
// AppInfo  |SIPTcp - wait_SdlReadRsp: Incoming SIP TCP message from 10.0.30.2 on port 29535 index 835 with 2907 bytes:
// AppInfo  |SIPTcp - wait_SdlSPISignal: Outgoing SIP TCP message to 10.0.30.2 on port 29535 index 835
// With UDP the address is 10.0.30.2:[5060].
func messageLine(line []byte) (Message, bool) {
	b := body(line)
	if !bytes.HasPrefix(b, []byte("AppInfo")) {
		return Message{}, false
	}
	m := Message{}
	_, rest, ok := bytes.Cut(b[:min(len(b), 120)], incoming)
	if !ok {
		if _, rest, ok = bytes.Cut(b[:min(len(b), 120)], outgoing); !ok {
			return Message{}, false
		}
		m.Sent = true
	}
	rest = b[len(b[:min(len(b), 120)])-len(rest):]
	_, rest, ok = bytes.Cut(rest, message)
	if !ok {
		return Message{}, false
	}
	m.Peer = peerOf(rest)
	return m, true
}

// peerOf reads an address and a port out of what follows "message".
func peerOf(b []byte) netip.AddrPort {
	words := bytes.Fields(b[:min(len(b), 200)])
	for i, w := range words {
		if string(w) != "from" && string(w) != "to" || i+1 == len(words) {
			continue
		}
		host, port, _ := bytes.Cut(words[i+1], []byte(":["))
		port = bytes.TrimRight(port, "]:")
		if i+4 < len(words) && string(words[i+2]) == "on" && string(words[i+3]) == "port" {
			port = words[i+4]
		}
		addr, err := netip.ParseAddr(string(bytes.Trim(host, "[]:")))
		n, err2 := strconv.ParseUint(string(bytes.Trim(port, ":,")), 10, 16)
		if err != nil || err2 != nil {
			return netip.AddrPort{}
		}
		return netip.AddrPortFrom(addr.Unmap(), uint16(n))
	}
	return netip.AddrPort{}
}

// sipLength is how many bytes follow a record's first two lines, by their own word: "with
// 2907 bytes:". The node counts what it received.
func sipLength(record []byte) (int, bool) {
	line, mark, ok := bytes.Cut(record, []byte("\n"))
	if !ok || len(mark) < 2 || mark[0] != '[' {
		return 0, false
	}
	if _, ok := messageLine(line); !ok {
		return 0, false
	}
	for _, words := range [][2]string{{" with ", " bytes:"}, {" size ", " from "}} {
		i := bytes.LastIndex(line, []byte(words[0]))
		if i < 0 {
			continue
		}
		digits, _, ok := bytes.Cut(line[i+len(words[0]):], []byte(words[1]))
		if n, err := strconv.Atoi(string(digits)); ok && err == nil {
			return n, true
		}
	}
	return 0, false
}
