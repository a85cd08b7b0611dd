package find

import (
	"bytes"

	"rtmtgrab/bundle/mask/find/undo"
)

// Where in headers and in certificates' and directories' names hosts and people stand.

// wordAfter is the word behind the blanks at i.
func wordAfter(b []byte, i int) (w Span) {
	from := i
	for from < len(b) && from-i < maxBlanks && isBlank(b[from]) {
		from++
	}
	to := from
	for to < len(b) && kinds[b[to]] != 0 {
		to++
	}
	if from == i || to == from {
		return w
	}
	return Span{from, to}
}

// warner is the host in the value of a Warning: 399 cucm01 "text".
func warner(b []byte, i int) (host Span) {
	code := wordAfter(b, i)
	if code.To-code.From != 3 || !all(b[code.From:code.To], isDigit) {
		return host
	}
	host = wordAfter(b, code.To)
	if rest := b[host.To:]; !bytes.HasPrefix(rest, []byte(` "`)) && !bytes.HasPrefix(rest, []byte(` \"`)) && !bytes.HasPrefix(rest, []byte(":")) {
		return Span{}
	}
	return host
}

// origin reports whether the value at i of o= is that of SDP: a user before two numbers.
func origin(b []byte, i int) (user Span) {
	to := i
	for to < len(b) && to-i < 64 && b[to] > ' ' {
		to++
	}
	end := to
	for range 2 {
		n := wordAfter(b, end)
		if n.To == 0 || !all(b[n.From:n.To], isDigit) {
			return user
		}
		end = n.To
	}
	if !bytes.HasPrefix(b[end:], []byte(" IN ")) {
		return user
	}
	return Span{i, to}
}

// hops are the hosts after from and by in a line of a Received header.
func hops(line []byte) (hosts []Span) {
	for _, word := range []string{"from ", "by "} {
		at := bytes.Index(line, []byte(word))
		if at < 0 || at > 0 && !isBlank(line[at-1]) {
			continue
		}
		if w := wordAfter(line, at+len(word)-1); w.To > w.From {
			hosts = append(hosts, w)
		}
	}
	if len(hosts) == 2 && hosts[0].From > hosts[1].From {
		hosts[0], hosts[1] = hosts[1], hosts[0]
	}
	return hosts
}

// hopGoesOn reports whether a line goes on with a Received header: by mx9 (Postfix) with.
func hopGoesOn(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return bytes.HasPrefix(line, []byte("by ")) && (bytes.Contains(line, []byte(" (")) || bytes.Contains(line, []byte(" with ")) || bytes.Contains(line, []byte(" id ")))
}

// relative is where the value at i ends in a name as directories and certificates have it,
// CN=Jane Doe,OU=People: with blanks only if such a sign or a quote follows.
func relative(b []byte, i int) (to int) {
	limit := min(len(b), i+64)
	blank := -1
	for to = i; to < limit; to++ {
		switch c := b[to]; {
		case isBlank(c):
			if blank < 0 {
				blank = to
			}
		case c == ',' || c == '/' || c == '+' || c == '"' || c == '\'' || c == '\\':
			if blank < 0 || c == '"' || c == '\'' || c == '\\' || isRelative(b[to+1:]) {
				return to
			}
			return blank
		case c < ' ' || c == '=' || c == ';' || c == '<' || c == '>' || c == '|' || c == ')':
			if blank < 0 {
				return to
			}
			return blank
		}
	}
	if blank >= 0 {
		return blank
	}
	return to
}

// isRelative reports whether the next part of such a name begins b: OU=.
func isRelative(b []byte) bool {
	b = bytes.TrimLeft(b[:min(len(b), 20)], " ")
	eq := bytes.IndexByte(b, '=')
	return eq > 0 && all(b[:eq], isLetter)
}

// bareToken is the token behind the word w, if that is Bearer or Basic and a token follows.
func bareToken(b []byte, w Span) (token Span) {
	bearer := bytes.EqualFold(b[w.From:w.To], []byte("bearer"))
	if !bearer && !bytes.EqualFold(b[w.From:w.To], []byte("basic")) || w.To >= len(b) || b[w.To] != ' ' {
		return token
	}
	from := w.To + 1
	to := from
	for to < len(b) && to-from < maxSecret && (kinds[b[to]] != 0 && b[to] < 0x80 || bytes.IndexByte([]byte("+/~="), b[to]) >= 0) {
		to++
	}
	v := b[from:to]
	if bearer {
		if len(v) < 16 || !anyOf(v, isDigit) {
			return token
		}
		return Span{from, to}
	}
	if len(v) < 8 {
		return token
	}
	if text, _, ok := undo.Base64(v); !ok || bytes.IndexByte(text, ':') < 0 {
		return token
	}
	return Span{from, to}
}
