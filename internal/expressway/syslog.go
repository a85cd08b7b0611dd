package expressway

import (
	"bytes"
	"net/netip"
	"time"

	"rtmtgrab/internal/evidence"
)

// A record in a syslog server's file stands behind what that server, and every relay
// before it, wrote in front:
//
//	<134>1 2026-03-02T14:14:07.975Z expc01 tvcs 123 - [id key="v"] UTCTime="…
//	<134>Mar  2 14:14:07 expc01 tvcs: UTCTime="…
//	2026-03-02T14:14:07.975123+00:00 relay01 tvcs: 2026-03-02T09:14:07.975-05:00 expc01 tvcs: UTCTime="…
//	417 <134>1 … (the length of the frame, of syslog over TCP)
//
// Of several times the last is the appliance's, and of several hosts the last is the
// one that speaks.

// maxHeaders is how many headers may stand in front of one record.
const maxHeaders = 6

// maxHeaderWords is how many words of a header follow its host.
const maxHeaderWords = 8

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	escapedBreak  = []byte("#012")
)

// A head is the first line of a record, taken apart.
type head struct {
	time time.Time // of the innermost header
	host []byte    // the last that is named; nil: none is
	rest []byte    // what follows that host and the innermost time
}

// RecordTime tells whether a line of a syslog server's file, or of an appliance's own,
// starts a record, and when that record was made: by UTCTime, else by the time in
// front that is the appliance's own, else by the syslog server's. The result is UTC.
func RecordTime(line []byte, ref Ref) (time.Time, bool) {
	if !isHead(line, ref) {
		return time.Time{}, false
	}
	return recordTime(line, ref)
}

// recordTime is RecordTime of a line that is known to start a record.
func recordTime(line []byte, ref Ref) (time.Time, bool) {
	if t, ok := utcTime(line); ok {
		return t, true
	}
	h, ok := takeApart(line, ref)
	return h.time, ok
}

// HostOf is the host that a line which starts a record names, "" if it names none.
func HostOf(line []byte, ref Ref) string {
	h, _ := takeApart(line, ref)
	return hostName(h.host)
}

// Served reports whether a line that starts a record bears a header that only a syslog
// server or a relay writes.
func Served(line []byte, ref Ref) bool {
	if _, ok := isoTime(line); !ok {
		return isHead(line, ref)
	}
	_, n := layersOf(line, ref)
	return n > 1
}

// isHead reports whether the line starts with a header.
func isHead(line []byte, ref Ref) bool {
	if _, ok := isoTime(line); ok { // the ordinary case
		return true
	}
	b, _ := cutFrame(line)
	_, n := stamp(b, ref)
	return n > 0
}

// takeApart finds time, host and text of a record behind all headers.
func takeApart(line []byte, ref Ref) (h head, ok bool) {
	b, _ := cutFrame(line)
	for range maxHeaders {
		t, n := stamp(b, ref)
		if n == 0 {
			break
		}
		h.time, h.rest, ok = t, b[n:], true
		host, rest := cutHost(b[n:])
		if host != nil {
			h.host, h.rest = host, rest
		}
		if b = inner(rest, ref); b == nil {
			break
		}
	}
	return h, ok
}

// stamp reads the time that b begins with; n is its length with the blank after it,
// 0: there is none.
func stamp(b []byte, ref Ref) (t time.Time, n int) {
	switch {
	case len(b) < 16:
	case isDigit(b[0]):
		t, i, ok := isoClock(b)
		if !ok {
			return t, 0
		}
		off, z := zoneOffset(b[i:])
		if i += z; z == 0 || i >= len(b) || b[i] != ' ' {
			return t, 0
		}
		if t = t.Add(-off); !evidence.Believable(t) {
			return t, 0
		}
		return t, i + 1
	case b[0] >= 'A' && b[0] <= 'S':
		return bsdStamp(b, ref)
	}
	return t, 0
}

// cutFrame cuts what stands before a time: the length of a frame, `<134>`, and the
// version of RFC 5424, which is told.
func cutFrame(b []byte) (rest []byte, versioned bool) {
	_, b = cutLength(b)
	if len(b) > 3 && b[0] == '<' {
		i := bytes.IndexByte(b[:min(len(b), 6)], '>')
		if i < 2 || num(b[1:i]) < 0 {
			return b, false
		}
		b = bytes.TrimPrefix(b[i+1:], []byte(" "))
	}
	if len(b) > 2 && b[0] == '1' && b[1] == ' ' && isDigit(b[2]) {
		return b[2:], true
	}
	return b, false
}

// cutLength cuts the length that stands before a frame; n is how many bytes there are
// from the frame's beginning to its end, 0: there is none.
func cutLength(b []byte) (n int, rest []byte) {
	i := 0
	for i < len(b) && i < 8 && isDigit(b[i]) {
		i++
	}
	if i == 0 || i+1 >= len(b) || b[i] != ' ' || b[i+1] != '<' {
		return 0, b
	}
	return num(b[:i]), b[i+1:]
}

// cutHost cuts the host that follows a time; nil: what follows is a process
// (`tvcs:`, `httpd[8724]:`), pairs or nothing.
func cutHost(b []byte) (host, rest []byte) {
	host, rest, _ = bytes.Cut(b, []byte(" "))
	if !isProcess(host) && len(host) > 0 {
		return host, rest
	}
	name, colon := bytes.CutSuffix(host, []byte(":"))
	next, _, _ := bytes.Cut(rest, []byte(" "))
	if colon && (isAddress(name) || !bytes.HasSuffix(name, []byte("]")) && isProcess(next) && bytes.IndexByte(next, '=') < 0) {
		return name, rest
	}
	return nil, b
}

// isProcess reports whether a word of a header is one that follows the host.
func isProcess(word []byte) bool {
	if n := len(word); n > 0 && (word[n-1] == ':' || word[n-1] == ']' && bytes.IndexByte(word, '[') > 0) {
		return true
	}
	return bytes.IndexByte(word, '=') >= 0
}

func isAddress(b []byte) bool {
	if len(b) < 2 || len(b) > 60 || bytes.IndexByte(b, '.') < 0 && bytes.IndexByte(b, ':') < 0 {
		return false
	}
	_, err := netip.ParseAddr(string(bytes.Trim(b, "[]")))
	return err == nil
}

// inner finds a further header in what follows a host: behind a process, or the words
// and the structured data of RFC 5424. Nil: there is none.
func inner(b []byte, ref Ref) []byte {
	for range maxHeaderWords {
		b = bytes.TrimPrefix(bytes.TrimLeft(b, " "), byteOrderMark)
		if len(b) == 0 {
			return nil
		}
		if p, _ := cutFrame(b); speaks(p, len(p) < len(b), ref) {
			return p
		}
		if n := structuredData(b); n > 0 {
			b = b[n:]
			continue
		}
		i := bytes.IndexByte(b, ' ')
		if i < 0 || bytes.IndexByte(b[:i], '=') >= 0 {
			return nil
		}
		b = b[i+1:]
	}
	return nil
}

// speaks reports whether b is a header and not a time in somebody's words: a frame is
// around it, or after its host come a process or the words of a record.
func speaks(b []byte, framed bool, ref Ref) bool {
	_, n := stamp(b, ref)
	if n == 0 {
		return false
	}
	b = b[n:]
	if framed || saysOwn(b) {
		return true
	}
	first, rest, _ := bytes.Cut(b, []byte(" "))
	second, _, _ := bytes.Cut(rest, []byte(" "))
	return isProcess(first) || isProcess(second)
}

// structuredData is the length of the elements `[id key="value"]` that b begins with;
// in a value `\` goes before `"`, `\` and `]`.
func structuredData(b []byte) int {
	n := 0
	for n < len(b) && b[n] == '[' {
		i := n + 1
		for quoted := false; ; i++ {
			if i >= len(b) {
				return n
			}
			if c := b[i]; quoted && c == '\\' {
				i++
			} else if c == '"' {
				quoted = !quoted
			} else if c == ']' && !quoted {
				break
			}
		}
		n = i + 1
	}
	return n
}
