package expressway

import (
	"bytes"
	"time"
)

// A syslog server that ends a message at each line end writes a header of its own in
// front of every line of a SIP message:
//
//	Mar  2 14:14:07 expe01 tvcs: UTCTime="…" Module="network.sip" Level="DEBUG":  Action="Sent" …
//	Mar  2 14:14:07 expe01 tvcs:  SIPMSG:
//	Mar  2 14:14:07 expe01 tvcs:  |SIP/2.0 100 Trying
//	Mar  2 14:14:07 expe01 tvcs:  Via: SIP/2.0/TLS …
//
// Such lines belong to the record before them: the first says SIPMSG: or HTTPMSG: and
// follows a record that lacks its message; the others follow it with the header of the
// same host, within a second, and up to the closing bar. None of them has a time of
// its own behind the header, nor one of the words that a record of its own has.

// splitGap is how far the times of two lines of one message may lie apart.
const splitGap = time.Second

var ownKeys = [][]byte{utcKey, []byte(`Module="`), []byte(`Event="`)}

// saysOwn reports whether a line has a word that only a record of its own has.
func saysOwn(line []byte) bool {
	for _, k := range ownKeys {
		if bytes.Contains(line, k) {
			return true
		}
	}
	return false
}

// A layer is one header of a line.
type layer struct {
	time  time.Time
	host  []byte
	words []byte // what follows the host, with the headers that are within
	rfc   bool   // the version of RFC 5424 stands before it
}

// layersOf takes a line's headers apart, the outermost first.
func layersOf(line []byte, ref Ref) (layers [maxHeaders]layer, n int) {
	b := line
	for n < maxHeaders && b != nil {
		l := &layers[n]
		var at int
		b, l.rfc = cutFrame(b)
		if l.time, at = stamp(b, ref); at == 0 {
			break
		}
		l.host, l.words = cutHost(b[at:])
		b = inner(l.words, ref)
		n++
	}
	return layers, n
}

// A lineHeader is what stands in front of the further lines of one record.
type lineHeader struct {
	depth int    // how many headers
	tail  []byte // what follows the host of the last in the record's first line: a process, mostly
}

// lineHeaderOf is the header of a message's lines, by the record's first line and the
// first of them. The first line may have one more: the appliance's own.
func lineHeaderOf(first, line []byte, ref Ref) (h lineHeader, of layer, ok bool) {
	fs, n := layersOf(first, ref)
	_, h.depth = layersOf(line, ref)
	if h.depth == 0 || h.depth != n && h.depth != n-1 {
		return h, of, false
	}
	of = fs[h.depth-1]
	end := len(of.words)
	if h.depth < n {
		end = bytes.LastIndexByte(of.words[:end-len(inner(of.words, ref))], ' ') + 1
	} else {
		for _, k := range ownKeys {
			if i := bytes.Index(of.words[:end], k); i >= 0 {
				end = i
			}
		}
	}
	h.tail = of.words[:end]
	return h, of, true
}

// cut takes the header off a further line; false: it has none, or is no further line.
func (h *lineHeader) cut(line []byte, ref Ref) (text []byte, l layer, ok bool) {
	if saysOwn(line) {
		return nil, l, false
	}
	ls, n := layersOf(line, ref)
	if n != h.depth || n == 0 {
		return nil, l, false
	}
	l = ls[n-1]
	text, ok = cutWords(l.words, l.rfc)
	switch {
	case ok:
	case len(h.tail) > 0 && bytes.HasPrefix(l.words, h.tail):
		text = l.words[len(h.tail):]
	case len(h.tail) > 0 && bytes.Equal(l.words, bytes.TrimRight(h.tail, " ")):
		text = nil
	default:
		text = l.words
	}
	return bytes.TrimPrefix(text, byteOrderMark), l, true
}

// cutWords cuts the three words of RFC 5424 after the host, and the structured data.
// Where its version is not told, the second word must be a process ID or a hyphen.
func cutWords(b []byte, versioned bool) (text []byte, ok bool) {
	for i := range 3 {
		word, rest, _ := bytes.Cut(b, []byte(" "))
		if len(word) == 0 || !versioned && i == 1 && string(word) != "-" && num(word) < 0 {
			return nil, false
		}
		b = rest
	}
	if n := structuredData(b); n > 0 {
		b = b[n:]
	} else if b, ok = bytes.CutPrefix(b, []byte("-")); !ok {
		return nil, false
	}
	text, ok = bytes.CutPrefix(b, []byte(" "))
	return text, ok || len(b) == 0
}

// A splitting is what is known of a record in hand whose lines bear headers.
type splitting struct {
	on     bool
	closed bool // the closing bar was seen
	header lineHeader
	host   string
	time   time.Time // of its latest line
}

// begin looks whether line is the first of the message that first, the record so far,
// lacks.
func (s *splitting) begin(first, line []byte, ref Ref) {
	h, of, ok := lineHeaderOf(first, line, ref)
	if !ok {
		return
	}
	text, l, ok := h.cut(line, ref)
	if !ok || !beginsMessage(text) || l.time.Sub(of.time).Abs() > splitGap || !sameHost(string(of.host), string(l.host)) {
		return
	}
	h.tail = bytes.Clone(h.tail)
	*s = splitting{on: true, header: h, host: string(l.host), time: l.time}
}

// next looks whether line goes on with the message.
func (s *splitting) next(line []byte, ref Ref) bool {
	text, l, ok := s.header.cut(line, ref)
	if !ok || string(l.host) != s.host || l.time.Sub(s.time).Abs() > splitGap {
		return false
	}
	text = bytes.Trim(text, " \r")
	if s.closed && len(text) > 0 {
		return false
	}
	s.time = l.time
	s.closed = s.closed || bytes.HasSuffix(text, []byte("|"))
	return true
}

// lacksMessage reports whether a record of one line is of a kind that has a message.
func lacksMessage(line []byte) bool {
	const module = `Module="network.`
	i := bytes.Index(line, []byte(module))
	return i >= 0 && isMessageModule(line[i+len(module):]) && !bytes.Contains(line[i:], []byte(` Detail="`)) && !bytes.Contains(line, []byte("MSG:"))
}

func isMessageModule(name []byte) bool {
	return bytes.HasPrefix(name, []byte(`sip"`)) || bytes.HasPrefix(name, []byte(`http"`))
}

func beginsMessage(text []byte) bool {
	text = bytes.TrimLeft(text, " ")
	return bytes.HasPrefix(text, []byte("SIPMSG:")) || bytes.HasPrefix(text, []byte("HTTPMSG:"))
}

// isSplit reports whether the second line of a record bears a header.
func isSplit(text []byte) bool {
	i := bytes.IndexByte(text, '\n')
	if i < 0 || i+1 >= len(text) || text[i+1] == ' ' {
		return false
	}
	return isHead(firstLine(text[i+1:]), Ref{MTime: someYear})
}

// someYear is for stamps of which it does not matter of what year they are; it has a leap
// day.
var someYear = time.Date(2000, time.July, 1, 0, 0, 0, 0, time.UTC)

// unsplit is the record without the headers of its further lines.
func unsplit(text []byte) []byte {
	ref := Ref{MTime: someYear}
	first := firstLine(text)
	out := append(make([]byte, 0, len(text)), first...)
	var h lineHeader
	for line := range bytes.Lines(text[len(first):]) {
		bare := bytes.TrimRight(line, "\r\n")
		if h.depth == 0 {
			h, _, _ = lineHeaderOf(trimCR(first), bare, ref)
		}
		if t, _, ok := h.cut(bare, ref); ok {
			out = append(append(out, t...), '\n')
			continue
		}
		out = append(out, line...)
	}
	return out
}
