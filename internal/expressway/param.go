package expressway

import (
	"strconv"
	"strings"
)

// A Contact is one value of a Contact header.
type Contact struct {
	Raw     string
	URI     string // "*" too
	Expires int    // seconds; -1: no such parameter
}

// maxValues bounds what is kept of a header that may stand often.
const maxValues = 64

// ViaParam returns the value of a parameter of a Via, e.g. received, rport,
// ingress-zone, or "".
func ViaParam(via, name string) string {
	_, params := cutItem(via, ';')
	v, _ := param(params, name)
	return v
}

// param returns the value, without quotes, of the first parameter of that name.
func param(params, name string) (string, bool) {
	for params != "" {
		var n, v string
		if n, v, params = nextParam(params); strings.EqualFold(n, name) {
			return v, true
		}
	}
	return "", false
}

// nextParam cuts `name=value`, `name` or `name="value"` off a list with semicolons.
func nextParam(s string) (name, value, rest string) {
	item, rest := cutItem(s, ';')
	name, value, _ = strings.Cut(item, "=")
	return strings.TrimSpace(name), unquote(value), rest
}

func parseContact(raw string) Contact {
	c := Contact{Raw: withoutPassword(raw), Expires: -1}
	var params string
	c.URI, params = cutAddress(c.Raw)
	if v, ok := param(params, "expires"); ok {
		c.Expires = seconds(v)
	}
	return c
}

// seconds reads a number of seconds at the beginning of v; -1: there is none.
func seconds(v string) int {
	v = strings.TrimSpace(v)
	if i := strings.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		v = v[:i]
	}
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}

// cutAddress splits `"name" <uri>;params` or `uri;params`.
func cutAddress(s string) (uri, params string) {
	if i := outside(s, '<'); i >= 0 {
		uri, params, _ = strings.Cut(s[i+1:], ">")
		return uri, strings.TrimLeft(params, " \t;")
	}
	return cutItem(s, ';')
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || s[0] != '"' {
		return s
	}
	return strings.ReplaceAll(strings.TrimSuffix(s[1:], `"`), `\`, "")
}

// cutItem cuts the first item of a list off s, without blanks around: a separator
// in quotes or between < and > does not count.
func cutItem(s string, sep byte) (item, rest string) {
	if i := outside(s, sep); i >= 0 {
		return strings.TrimSpace(s[:i]), s[i+1:]
	}
	return strings.TrimSpace(s), ""
}

// outside returns the index of the first c in s that is not in quotes nor between
// < and >, or -1.
func outside(s string, c byte) int {
	if strings.IndexByte(s, c) < 0 {
		return -1
	}
	quoted, angle := false, false
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == c && !angle:
			return i
		case b == '<':
			angle = true
		case b == '>':
			angle = false
		}
	}
	return -1
}

// withoutPassword drops the password of sip:user:password@host, which nobody should
// have there.
func withoutPassword(s string) string {
	scheme := strings.Index(s, "sip:")
	if i := strings.Index(s, "sips:"); i >= 0 && (scheme < 0 || i < scheme) {
		scheme = i + 1
	}
	at := strings.IndexByte(s, '@')
	if scheme < 0 || at < scheme {
		return s
	}
	user := s[scheme+len("sip:") : at]
	if i := strings.IndexByte(user, ':'); i >= 0 && !strings.ContainsAny(user, ";<> ") {
		return s[:scheme+len("sip:")+i] + s[at:]
	}
	return s
}

// userHost splits sip:user@host:port;params; the host is in lower case, without
// brackets.
func userHost(uri string) (user, host string) {
	_, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return "", ""
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, rest = rest[:i], rest[i+1:]
		user, _, _ = strings.Cut(user, ";")
	}
	if i := strings.IndexAny(rest, ";?> \t"); i >= 0 {
		rest = rest[:i]
	}
	if strings.HasPrefix(rest, "[") {
		rest, _, _ = strings.Cut(rest[1:], "]")
	} else {
		rest, _, _ = strings.Cut(rest, ":")
	}
	return user, strings.ToLower(rest)
}
