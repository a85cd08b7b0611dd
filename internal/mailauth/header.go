package mailauth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"
)

// field is one header field; value is unfolded.
type field struct{ name, value string }

func (f field) is(name string) bool { return fold(f.name) == name }

type header []field

// Limits of a header: what is over them is no alert's.
const (
	maxFields = 500
	maxField  = 64 << 10 // bytes
)

// readHeader splits off a mail's header, lenient as readers of mail are: lines that
// are no field are passed over. whole is false if the header has no end, is too
// long, or has a NUL or a lone CR, which readers understand in different ways.
func readHeader(raw []byte) (h header, whole bool) {
	whole = true
	on := false // value is of the last of h
	var value []byte
	end := func() {
		if on {
			h[len(h)-1].value = string(bytes.TrimSpace(value))
		}
		on = false
	}
	defer end()
	for len(raw) > 0 && whole {
		line, rest, ended := bytes.Cut(raw, []byte("\n"))
		raw = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return h, ended
		}
		whole = !bytes.ContainsAny(line, "\r\x00") && len(h) <= maxFields && len(value)+len(line) <= maxField
		before, after, ok := bytes.Cut(line, []byte(":"))
		before = bytes.TrimRight(before, " \t")
		switch {
		case line[0] == ' ' || line[0] == '\t':
			value = append(append(value, ' '), bytes.TrimSpace(line)...)
		case ok && isName(before):
			end()
			on, value = true, bytes.Clone(after)
			h = append(h, field{name: string(before)})
		default:
			end()
			value = nil
		}
	}
	return h, false
}

func isName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) > 0
}

func (h header) all(name string) (fields []field) {
	for _, f := range h {
		if f.is(name) {
			fields = append(fields, f)
		}
	}
	return fields
}

// address is a sender's address; domain is in lower case.
type address struct{ local, domain string }

func (a address) String() string { return a.local + "@" + a.domain }

var words = mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: func(_ string, in io.Reader) (io.Reader, error) { return in, nil }}}

// from is the one address of the one From field.
func (h header) from() (address, error) {
	all := h.all("from")
	if len(all) != 1 {
		return address{}, fmt.Errorf("the mail has %d From fields, one is wanted", len(all))
	}
	value := all[0].value
	rest, err := bare(value)
	if err != nil {
		return address{}, fmt.Errorf("the From field cannot be read: %w", err)
	}
	if strings.ContainsAny(rest, ",:;") || strings.Count(rest, "@") != 1 {
		return address{}, errors.New("the From field does not name exactly one address")
	}
	a, err := words.Parse(value)
	if err != nil {
		return address{}, fmt.Errorf("the From field cannot be read: %w", err)
	}
	at := strings.LastIndexByte(a.Address, '@')
	if at <= 0 || at == len(a.Address)-1 || strings.ContainsAny(a.Address, "\r\n\t\x00 ") {
		return address{}, errors.New("the From field does not name exactly one address")
	}
	return address{a.Address[:at], fold(a.Address[at+1:])}, nil
}

// bare is s without its quoted strings and comments.
func bare(s string) (string, error) {
	var out strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case quoted:
			quoted = c != '"'
		case c == '(':
			depth++
		case depth > 0:
			if c == ')' {
				depth--
			}
		case c == '"':
			quoted = true
		default:
			out.WriteByte(c)
		}
	}
	if quoted || depth > 0 {
		return "", errors.New("a quoted string or a comment has no end")
	}
	return out.String(), nil
}
