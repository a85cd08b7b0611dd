package mailauth

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"

	"rtmtgrab/internal/mailheader"
)

// address is a sender's address; domain is in lower case.
type address struct{ local, domain string }

func (a address) String() string { return a.local + "@" + a.domain }

var words = mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: func(_ string, in io.Reader) (io.Reader, error) { return in, nil }}}

// fromOf is the one address of the one From field.
func fromOf(h mailheader.Header) (address, error) {
	all := h.All("from")
	if len(all) != 1 {
		return address{}, fmt.Errorf("the mail has %d From fields, one is wanted", len(all))
	}
	value := all[0].Value
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
