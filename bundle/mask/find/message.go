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

// message looks at the line of i, whose text begins at text.
func (s *scanner) message(i, text int) {
	if s.msg.state == outside {
		if text < len(s.b) && (s.b[text] == 'S' || s.b[text] == 'H') && (bytes.HasPrefix(s.b[text:], []byte("SIPMSG:")) || bytes.HasPrefix(s.b[text:], []byte("HTTPMSG:"))) {
			s.msg.state, s.msg.value = inHeaders, Span{}
		}
		return
	}
	empty := text >= len(s.b) || s.b[text] == '\n' || s.b[text] == '\r'
	bar := bytes.IndexByte(s.b[i:text], '|') >= 0
	if s.msg.state == inBody {
		if empty && bar {
			s.endMessage(i)
		}
		return
	}
	switch {
	case empty && !bar:
		s.msg.state, s.msg.body = inBody, min(s.lineEnd(i)+1, len(s.b))
	case empty && bar:
		s.msg.state = outside
	case !empty && (lower(s.b[text]) == 'c' || lower(s.b[text]) == 'l'):
		s.contentLength(text)
	}
}

func (s *scanner) contentLength(text int) {
	line := s.b[text:s.lineEnd(text)]
	name, value, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !ok || !bytes.EqualFold(name, []byte("Content-Length")) && !bytes.EqualFold(name, []byte("l")) {
		return
	}
	from := text + len(line) - len(bytes.TrimLeft(value, " \t"))
	to := from
	for to < len(s.b) && kinds[s.b[to]] == isDigit {
		to++
	}
	if to > from && to-from < 10 {
		s.msg.value = Span{from, to}
	}
}

// endMessage ends the body at i, if one goes on.
func (s *scanner) endMessage(i int) {
	if s.msg.state == inBody && s.msg.value.To > 0 && i > s.msg.body {
		s.msg.done = append(s.msg.done, LengthOf{s.msg.value, Span{s.msg.body, i}})
	}
	s.msg.state = outside
}

// head looks whether a record begins at i, and notes the host that speaks. Relays and
// servers may have written theirs in front.
func (s *scanner) head(i int) bool {
	from, end := i, s.lineEnd(i)
	if n := frame(s.b[i:end]); n > 0 {
		i += n
	}
	for layer := range 4 {
		n := stamp(s.b[i:end])
		if n == 0 {
			return layer > 0
		}
		if layer == 0 {
			s.endMessage(from)
		}
		host := i + n
		for host < end && s.b[host] == ' ' {
			host++
		}
		to := host
		for to < end && s.b[to] != ' ' {
			to++
		}
		if to > host && all(s.b[host:to], 0xff) && anyOf(s.b[host:to], isLetter) {
			s.host(host, to, ruleHost)
		}
		next := nextStamp(s.b[to:min(end, to+96)])
		if next < 0 {
			return true
		}
		i = to + next
	}
	return true
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
