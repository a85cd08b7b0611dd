package expressway

import (
	"bytes"
	"net/netip"
	"sync"
	"time"
)

// A NoteKind says what a Note was made from.
type NoteKind uint8

const (
	NoteOther NoteKind = iota // network.sip or network.tcp in words of their own: errors, mostly
	NoteSIP                   // the one line of a SIP message (INFO)
	NoteBody                  // a SIP message in full (DEBUG)
	NoteTCP                   // a connection opened, closed or failed
	NoteEvent                 // a record of the Event Log
)

// A Note is what a record of network.sip or network.tcp or an Event record says,
// decoded as far as it goes: what a cut or odd record lacks is zero. It holds no
// bytes of the record and no credentials.
type Note struct {
	Time           time.Time
	Offset, Length int64
	Kind           NoteKind
	Host           string // as the record names it
	Process        string // without pid and colon; may be empty
	Module, Level  string // without blanks around
	Sent           bool   // Action="Sent"; else received
	// Local and Peer are the ends of a message. A TCP or Event record has Src and Dst instead:
	// Local is then Src, which opened the connection, and Peer is Dst, whoever of the
	// two is the host itself. An end that is not logged is the zero AddrPort.
	Local, Peer netip.AddrPort
	Hash        string // Msg-Hash: the INFO and the DEBUG record of one message share it
	SIP         *SIP   // NoteSIP, NoteBody: never nil there
	TCP         string // NoteTCP: Detail, e.g. "TCP Connection Closed"
	Reason      string // Reason="…" of a TCP or Event record
	Event       string // NoteEvent: "Alarm Raised", …
	Detail      string // NoteEvent and NoteOther: Detail="…", or the free text of a record without it
}

// The Details of network.tcp.
const (
	TCPConnecting  = "TCP Connecting"
	TCPEstablished = "TCP Connection Established"
	TCPClosed      = "TCP Connection Closed"
	TCPFailed      = "TCP Connection Failed"
)

// Line returns the record's first line without its line end.
func (r *Record) Line() []byte { return trimCR(firstLine(r.Text)) }

// Note decodes the record if it may bear on registrations; false: it does not. That is
// cheap to say. Of interest are SIP messages of REGISTER, requests in full of NOTIFY,
// PUBLISH and SUBSCRIBE, for they show the lines of a phone, all of network.tcp, what
// network.sip says otherwise if it has REGISTER in it, and Event and alarm records but
// for those of calls and searches.
func (r *Record) Note() (Note, bool) {
	if !r.Head {
		return Note{}, false
	}
	msg, ok := r.wanted()
	if !ok {
		return Note{}, false
	}
	n := Note{Time: r.Time, Offset: r.Offset, Length: r.Length}
	n.line(r)
	if n.SIP == nil && n.Module == "network.sip" {
		if msg == nil {
			msg = message(r.Text)
		}
		if s := parseBody(msg); s != nil {
			n.Kind, n.SIP, n.Detail = NoteBody, s, ""
		}
	}
	ok = n.SIP == nil || n.SIP.Method == "" || n.SIP.Method == "REGISTER" || n.Kind == NoteBody && n.SIP.Request && tellsOfLine(n.SIP.Method)
	return n, ok
}

// tellsOfLine names the requests that show a line of a phone besides REGISTER.
func tellsOfLine(method string) bool {
	return method == "NOTIFY" || method == "PUBLISH" || method == "SUBSCRIBE"
}

var (
	moduleKey = []byte(` Module="`)
	eventKey  = []byte(` Event="`)
	alarmWord = []byte(" alarm: ")
	register  = []byte("REGISTER")

	messageMark = []byte("MSG:")
)

// wanted is the filter before anything is decoded. msg is the record's message, if it
// was found on the way.
func (r *Record) wanted() (msg []byte, ok bool) {
	line := r.Line()
	if i := bytes.Index(line, moduleKey); i >= 0 {
		rest, ok := bytes.CutPrefix(line[i+len(moduleKey):], []byte("network."))
		switch {
		case !ok:
			return nil, false
		case bytes.HasPrefix(rest, []byte(`sip"`)):
			return wantedSIP(r.Text, line)
		}
		return nil, bytes.HasPrefix(rest, []byte(`tcp"`))
	}
	if i := bytes.Index(line, eventKey); i >= 0 {
		name := line[i+len(eventKey):]
		return nil, !bytes.HasPrefix(name, []byte("Call ")) && !bytes.HasPrefix(name, []byte("Search "))
	}
	if i := bytes.Index(line, alarmWord); i >= 0 && i < 300 {
		head, _ := takeApart(line, Ref{MTime: r.Time})
		return nil, bytes.HasPrefix(head.rest, alarmWord[1:])
	}
	return nil, false
}

// wantedSIP looks at the first line of a message, or at CSeq of an answer.
func wantedSIP(text, line []byte) (msg []byte, ok bool) {
	if len(text)-len(line) > 2 || bytes.Contains(line, messageMark) { // a relay may have put it into the line
		if msg = message(text); msg != nil {
			first := bytes.TrimLeft(msg, "\r\n |")
			if !bytes.HasPrefix(first, []byte("SIP/")) {
				method, _, _ := bytes.Cut(first[:min(len(first), 10)], []byte(" "))
				return msg, bytes.HasPrefix(first, register) || tellsOfLine(string(method))
			}
			if _, cseq, ok := bytes.Cut(first, []byte("CSeq:")); ok {
				method := bytes.TrimLeft(cseq, "0123456789 \t\r\n") // it may be folded before either
				return msg, bytes.HasPrefix(method, register)
			}
			return msg, true // cut, or in a form of its own
		}
	}
	return nil, bytes.Contains(text, register)
}

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// parseBody is ParseSIP of what message gave; nil: that is no SIP message.
func parseBody(msg []byte) *SIP {
	if msg == nil {
		return nil
	}
	buf := bodies.Get().(*[]byte)
	defer bodies.Put(buf)
	*buf = appendBody((*buf)[:0], msg)
	s, ok := ParseSIP(*buf)
	if !ok {
		return nil
	}
	return &s
}
