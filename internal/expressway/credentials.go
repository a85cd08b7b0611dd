package expressway

import (
	"bytes"
	"regexp"
)

var (
	// Anywhere in a line: a header may be quoted in another one's text.
	credentialRE = regexp.MustCompile(`(?i)\b((?:Proxy-)?Authorization)\s*:\s*([A-Za-z][A-Za-z0-9-]*\b[ \t]?)?`)
	schemeRE     = regexp.MustCompile(`(?i)^(digest|bearer|basic)\s*$`)
)

// CutCredential looks for Authorization: or Proxy-Authorization: in a line. What may
// be shown of it is head, up to the scheme, with one blank after the colon and the
// scheme; what must not begins at line[at:].
func CutCredential(line []byte) (head []byte, at int, ok bool) {
	if !NamesCredential(line) {
		return nil, 0, false
	}
	m := credentialRE.FindSubmatchIndex(line)
	if m == nil {
		return nil, 0, false
	}
	head = append(head, line[:m[3]]...)
	head = append(head, ": "...)
	at = m[1]
	if m[4] < 0 {
		return head, at, true
	}
	word := line[m[4]:m[5]]
	if !schemeRE.Match(word) {
		return head, m[4], true
	}
	head = append(head, bytes.TrimSpace(word)...)
	return append(head, ' '), at, true
}

// NamesCredential is whether the word Authorization is in a text, at little cost: most
// lines have no z.
func NamesCredential(text []byte) bool {
	const word, z = "authorization", 7
	for _, c := range []byte("zZ") {
		for from := 0; ; {
			i := bytes.IndexByte(text[from:], c)
			if i < 0 {
				break
			}
			i += from
			if i >= z && i-z+len(word) <= len(text) && bytes.EqualFold(text[i-z:i-z+len(word)], []byte(word)) {
				return true
			}
			from = i + 1
		}
	}
	return false
}

// CutHeader splits a line of a message into a header's name and value, without blanks
// around. False: there is no name in front, so the line continues the header above.
func CutHeader(line []byte) (name, value []byte, ok bool) { return cutName(line) }

// User is the part of a SIP URI before the @, without parameters; "" if it has none.
func User(uri string) string {
	user, _ := userHost(uri)
	return user
}
