package expressway

import (
	"bytes"
	"strconv"
)

// parseOneLine reads the Detail of an INFO record of a SIP message: one of four
// verbs, then `, Name=value` repeated. What a cut line lacks is zero.
func parseOneLine(detail []byte) (s SIP, sent bool, hash []byte, ok bool) {
	s.Expires, s.ContentLength = -1, -1
	rest, received := bytes.CutPrefix(detail, []byte("Receive "))
	if !received {
		if rest, sent = bytes.CutPrefix(detail, []byte("Sending ")); !sent {
			return SIP{}, false, nil, false
		}
	}
	if rest, s.Request = bytes.CutPrefix(rest, []byte("Request ")); !s.Request {
		if rest, ok = bytes.CutPrefix(rest, []byte("Response ")); !ok {
			return SIP{}, false, nil, false
		}
	}
	for len(rest) > 0 {
		var field []byte
		field, rest = nextField(rest)
		name, value, _ := bytes.Cut(field, []byte("="))
		switch string(name) {
		case "Method":
			s.Method = word(value)
			s.CSeqMethod = s.Method
		case "Code":
			s.Code = max(0, num(value))
		case "CSeq":
			n, _ := strconv.ParseUint(string(value), 10, 32)
			s.CSeq = uint32(n)
		case "To":
			s.To = withoutPassword(string(value))
			s.ToUser, s.ToHost = userHost(s.To)
		case "Call-ID":
			set(&s.CallID, value)
		case "From-Tag":
			set(&s.FromTag, value)
		case "To-Tag":
			set(&s.ToTag, value)
		case "Msg-Hash":
			hash = value
		}
	}
	return s, sent, hash, true
}

// nextField cuts a field off at the next `, Name=`: values may have commas.
func nextField(b []byte) (field, rest []byte) {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(", "))
		if i < 0 {
			return b, nil
		}
		i += at
		at = i + 2
		n := at
		for n < len(b) && (b[n]|0x20 >= 'a' && b[n]|0x20 <= 'z' || b[n] == '-') {
			n++
		}
		if n > at && n < len(b) && b[n] == '=' {
			return b[:i], b[at:]
		}
	}
}
