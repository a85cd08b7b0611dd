package expressway

import (
	"bytes"
	"slices"
	"strings"
)

// maxNumbers bounds the lines that are read from one answer.
const maxNumbers = 64

// remotecc reads what the body of an answer says of the lines that a full REGISTER
// asked for: whether there is one at all, the worst code in it, and the numbers that
// it lists. Its form is not published: what looks like none of these is passed over.
func (s *SIP) remotecc(content []byte) {
	if s.Request || !bytes.Contains(content, []byte("x-cisco-remotecc-response")) && !strings.Contains(s.ContentType, "x-cisco-remotecc-response") {
		return
	}
	s.Remotecc = true
	for rest := content; ; {
		_, after, ok := bytes.Cut(rest, []byte("<code>"))
		if !ok {
			break
		}
		code, _, _ := bytes.Cut(after, []byte("<"))
		s.RemoteccCode = max(s.RemoteccCode, num(bytes.TrimSpace(code)))
		rest = after
	}
	s.listed(content)
}

// listed collects the users of sip: URIs, and what elements and attributes that are
// named after a line hold, if it is a number.
func (s *SIP) listed(content []byte) {
	for rest := content; ; {
		_, after, ok := bytes.Cut(rest, []byte("sip:"))
		if !ok {
			break
		}
		if user, _, at := bytes.Cut(after[:min(len(after), 40)], []byte("@")); at {
			s.number(user)
		}
		rest = after
	}
	for rest := content; ; {
		_, after, ok := bytes.Cut(rest, []byte("<"))
		if !ok {
			return
		}
		tag, text, _ := bytes.Cut(after, []byte(">"))
		name, attributes, _ := bytes.Cut(tag, []byte(" "))
		if ofLine(name) {
			value, _, _ := bytes.Cut(text, []byte("<"))
			s.number(bytes.TrimSpace(value))
		}
		for key, value, more, ok := nextPair(attributes); ok; key, value, more, ok = nextPair(more) {
			if ofLine(key) {
				s.number(value)
			}
		}
		rest = after
	}
}

func ofLine(name []byte) bool {
	switch strings.ToLower(string(name)) {
	case "number", "dn", "directorynumber", "line", "user", "aor", "name":
		return true
	}
	return false
}

func (s *SIP) number(v []byte) {
	if n := string(v); IsNumber(n) && len(s.Numbers) < maxNumbers && !slices.Contains(s.Numbers, n) {
		s.Numbers = append(s.Numbers, n)
	}
}

// IsNumber reports whether the user part of a URI is a directory number: three to
// twenty digits, perhaps behind a plus.
func IsNumber(user string) bool {
	digits := strings.TrimPrefix(user, "+")
	return len(digits) >= 3 && len(digits) <= 20 && strings.Trim(digits, "0123456789") == ""
}
