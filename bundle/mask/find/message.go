package find

import "bytes"

// A message is what is known of a SIP or HTTP message in a log while its lines pass.
type message struct {
	state messageState
	value Span // of Content-Length's value
	body  int  // where it begins
	done  []LengthOf
}

type messageState uint8

const (
	outside messageState = iota
	inHeaders
	inBody
)

// LengthOf is a Content-Length and the body whose it is.
type LengthOf struct{ Value, Body Span }

func (l LengthOf) moved(base int, from []int32) LengthOf {
	move := func(s Span) Span { return Span{base + int(from[s.From]), base + int(from[s.To])} }
	return LengthOf{move(l.Value), move(l.Body)}
}

// pass looks at the line of i of b, whose text begins at text.
func (m *message) pass(b []byte, i, text int) {
	if m.state == outside {
		if text < len(b) && (b[text] == 'S' || b[text] == 'H') && (bytes.HasPrefix(b[text:], []byte("SIPMSG:")) || bytes.HasPrefix(b[text:], []byte("HTTPMSG:"))) {
			m.state, m.value = inHeaders, Span{}
		}
		return
	}
	empty := text >= len(b) || b[text] == '\n' || b[text] == '\r'
	bar := bytes.IndexByte(b[i:text], '|') >= 0
	switch {
	case m.state == inBody:
		if empty && bar {
			m.end(i)
		}
	case empty && !bar:
		m.state, m.body = inBody, min(lineEnd(b, i)+1, len(b))
	case empty:
		m.state = outside
	case lower(b[text]) == 'c' || lower(b[text]) == 'l':
		m.header(b, text)
	}
}

// header looks whether the header at text is Content-Length.
func (m *message) header(b []byte, text int) {
	if next := b[min(text+1, len(b)-1)]; lower(b[text]) == 'l' && next != ':' && !isBlank(next) || lower(b[text]) == 'c' && lower(next) != 'o' {
		return
	}
	line := b[text:lineEnd(b, text)]
	name, value, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !ok || !bytes.EqualFold(name, []byte("Content-Length")) && !bytes.EqualFold(name, []byte("l")) {
		return
	}
	from := text + len(line) - len(bytes.TrimLeft(value, " \t"))
	to := from
	for to < len(b) && kinds[b[to]] == isDigit {
		to++
	}
	if to > from && to-from < 10 {
		m.value = Span{from, to}
	}
}

// end ends the body at i, if one goes on.
func (m *message) end(i int) {
	if m.state == inBody && m.value.To > 0 && i > m.body {
		m.done = append(m.done, LengthOf{m.value, Span{m.body, i}})
	}
	m.state = outside
}

// maxLayers is how many relays may have written their header in front of a record.
const maxLayers = 4

// maxHead is how long all their headers may be.
const maxHead = 1 << 10

// speakers are the hosts that the header of a record names that begins at i, that of a relay
// first. False: none begins there.
func speakers(b []byte, i int) (hosts [maxLayers]Span, ok bool) {
	end := lineEnd(b[:min(len(b), i+maxHead)], i)
	i += frame(b[i:end])
	for layer := range maxLayers {
		n := stamp(b[i:end])
		if n == 0 {
			return hosts, layer > 0
		}
		from := i + n
		for from < end && b[from] == ' ' {
			from++
		}
		to := from
		for to < end && b[to] != ' ' {
			to++
		}
		hosts[layer] = Span{from, to}
		next := nextStamp(b[to:min(end, to+96)])
		if next < 0 {
			return hosts, true
		}
		i = to + next
	}
	return hosts, true
}

// frame is how long the length of a frame, the priority and the version before a stamp are.
func frame(b []byte) int {
	i := 0
	for i < len(b) && i < 7 && kinds[b[i]] == isDigit {
		i++
	}
	if i > 0 && (i >= len(b) || b[i] != ' ') {
		return 0
	}
	if i > 0 {
		i++
	}
	if i >= len(b) || b[i] != '<' {
		return 0
	}
	n := bytes.IndexByte(b[i:min(len(b), i+6)], '>')
	if n < 0 {
		return 0
	}
	i += n + 1
	if bytes.HasPrefix(b[i:], []byte("1 ")) {
		i += 2
	}
	return i
}

// stamp is how long the time at the beginning of b is: 2026-03-02T09:14:07.512-05:00 or
// Mar  2 09:14:07.
func stamp(b []byte) int {
	if len(b) < 16 {
		return 0
	}
	if b[4] == '-' && len(b) > 20 && b[7] == '-' && b[10] == 'T' && b[13] == ':' && all(b[:4], isDigit) {
		n := bytes.IndexByte(b[:min(len(b), 40)], ' ')
		return max(n, 0)
	}
	if b[3] == ' ' && b[6] == ' ' && b[9] == ':' && b[12] == ':' && bytes.Contains([]byte("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec "), b[:4]) {
		n := bytes.IndexByte(b[7:min(len(b), 32)], ' ')
		if n < 0 {
			return 0
		}
		return 7 + n
	}
	return 0
}

// nextStamp is where in b a time in the appliance's own form begins; -1: there is none.
func nextStamp(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], 'T')
		if n < 0 {
			return -1
		}
		i += n
		if i >= 11 && b[i-11] == ' ' && stamp(b[i-10:]) > 0 {
			return i - 10
		}
		i++
	}
}
