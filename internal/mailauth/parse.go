package mailauth

import (
	"errors"
	"strings"
)

// A result is what one method found: "dkim=pass header.d=example.com".
type result struct {
	method string // in lower case
	value  string // in lower case
	props  map[string][]string
}

// one is the value of a property that is given exactly once.
func (r result) one(prop string) string {
	if v := r.props[prop]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// parser reads the value of an Authentication-Results field, strictly: what is
// ambiguous is an error. The parsers that are about split at every ";" and space,
// also within comments and quoted strings.
type parser struct {
	s string
	i int
}

var (
	errID      = errors.New("it does not begin with a server name (as in Microsoft 365: use check: dkim)")
	errComment = errors.New("a comment has no end")
	errQuoted  = errors.New("a quoted string has no end")
	errValue   = errors.New("a value runs into a comment or a quoted string")
	errWords   = errors.New("it has words that are not results")
)

// parseResults returns the server that wrote the field and what it found.
func parseResults(value string) (id string, list []result, err error) {
	p := &parser{s: value}
	id = p.while(func(c byte) bool { return isAtom(c) })
	if id == "" || p.peek() != 0 && !isSpace(p.peek()) && p.peek() != ';' {
		return "", nil, errID
	}
	p.spaces()
	if p.peek() == '1' {
		p.i++
		p.spaces()
	}
	if p.peek() != 0 && p.peek() != ';' {
		return "", nil, errID
	}
	for p.peek() == ';' {
		p.i++
		r, err := p.result()
		if err != nil {
			return id, nil, err
		}
		if r.method != "" {
			list = append(list, r)
		}
	}
	if p.peek() != 0 {
		return id, nil, errWords
	}
	return id, list, nil
}

// result reads one result up to the ";" that follows it. "none" and nothing give
// an empty one.
func (p *parser) result() (r result, err error) {
	if err := p.comments(); err != nil {
		return r, err
	}
	if p.peek() == ';' || p.peek() == 0 {
		return r, nil
	}
	method := fold(p.while(isWord))
	if p.peek() == '/' { // the method's version
		p.i++
		p.while(isWord)
	}
	p.spaces()
	if method == "none" && (p.peek() == ';' || p.peek() == 0) {
		return r, nil
	}
	if method == "" || !p.equals() {
		return r, errWords
	}
	r = result{method: method, value: fold(p.while(isWord)), props: map[string][]string{}}
	if c := p.peek(); r.value == "" || c != 0 && c != ';' && c != '(' && !isSpace(c) {
		return r, errWords
	}
	for {
		if err := p.comments(); err != nil {
			return r, err
		}
		if p.peek() == ';' || p.peek() == 0 {
			return r, nil
		}
		name := fold(p.while(isWord))
		p.spaces()
		if name == "" || !p.equals() {
			return r, errWords
		}
		v, err := p.value()
		if err != nil {
			return r, err
		}
		r.props[name] = append(r.props[name], v)
	}
}

// value reads a property's value. A "(" in it is no comment, for servers write
// down names that a sender chose, such as "example.com(.elsewhere.net".
func (p *parser) value() (string, error) {
	quoted := ""
	if p.peek() == '"' {
		var err error
		if quoted, err = p.quoted(); err != nil {
			return "", err
		}
		if c := p.peek(); c != 0 && c != ';' && c != '@' && !isSpace(c) {
			return "", errValue
		}
	}
	plain := p.while(func(c byte) bool { return c != ';' && !isSpace(c) })
	if strings.ContainsAny(plain, "()\"\\") {
		return "", errValue
	}
	return quoted + plain, nil
}

func (p *parser) quoted() (string, error) {
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return b.String(), nil
		case c == '\\' && p.i+1 < len(p.s):
			p.i++
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errQuoted
}

// comments passes over spaces and comments.
func (p *parser) comments() error {
	for p.spaces(); p.peek() == '('; p.spaces() {
		depth := 0
		for ; p.i < len(p.s); p.i++ {
			switch p.s[p.i] {
			case '\\':
				p.i++
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 {
				break
			}
		}
		if p.i >= len(p.s) {
			return errComment
		}
		p.i++
	}
	return nil
}

func (p *parser) equals() bool {
	p.spaces()
	if p.peek() != '=' {
		return false
	}
	p.i++
	p.spaces()
	return true
}

func (p *parser) spaces() { p.while(isSpace) }

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) while(ok func(byte) bool) string {
	from := p.i
	for p.i < len(p.s) && ok(p.s[p.i]) {
		p.i++
	}
	return p.s[from:p.i]
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}

// isAtom reports whether c may be part of a server's name as it is written first.
func isAtom(c byte) bool {
	return c > ' ' && c != 0x7f && !strings.ContainsRune("()<>,;:\\\"[]?=", rune(c))
}
