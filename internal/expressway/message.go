package expressway

import (
	"bytes"
	"net/netip"
	"time"
)

// A Message is a SIP message in full, whatever its method, as a record has it at DEBUG.
type Message struct {
	Time           time.Time // the record's
	Offset, Length int64     // the record's
	Host           string    // as the record names it
	Sent           bool      // Action="Sent"; else received
	Local, Peer    netip.AddrPort
	Hash           string // Msg-Hash: another at every hop
	// Body is the message with line ends of LF and with its credentials. Whether the
	// last line end is the message's or the record's cannot be told.
	Body  []byte
	Whole bool // the record ends with its bar: nothing was cut off
}

var (
	sipMark  = []byte("SIPMSG:")
	httpMark = []byte("HTTPMSG:")
	sipInfo  = []byte(` Module="network.sip"`)
	oneLine  = []byte(" Detail=\"")
)

// Message decodes the SIP message of a record; false: it has none. The message is
// appended to buf, which Body then is part of.
func (r *Record) Message(buf []byte) (Message, bool) {
	i := bytes.Index(r.Text, sipMark)
	if !r.Head || i < 0 || bytes.Contains(r.Text[:i], httpMark) {
		return Message{}, false
	}
	text := message(r.Text)
	if text == nil {
		return Message{}, false
	}
	from := len(buf)
	buf = appendBody(buf, text)
	body := bytes.TrimLeft(buf[from:], "\r\n")
	first, _, whole := bytes.Cut(body, []byte("\n"))
	if s := (SIP{}); !s.firstLine(trimCR(first), whole) {
		return Message{}, false
	}
	var n Note
	n.line(r)
	return Message{Time: r.Time, Offset: r.Offset, Length: r.Length, Host: n.Host, Sent: n.Sent, Local: n.Local, Peer: n.Peer, Hash: n.Hash,
		Body: body, Whole: r.Length == int64(len(r.Text)) && bytes.HasSuffix(bytes.TrimRight(text, " \r\n"), []byte("|"))}, true
}

// MessageLine reports whether a record is the one line that is logged of a SIP message
// at INFO.
func (r *Record) MessageLine() bool {
	line := r.Line()
	if !r.Head || !bytes.Contains(line, sipInfo) {
		return false
	}
	_, detail, ok := bytes.Cut(line, oneLine)
	return ok && (bytes.HasPrefix(detail, []byte("Receive Re")) || bytes.HasPrefix(detail, []byte("Sending Re")))
}
