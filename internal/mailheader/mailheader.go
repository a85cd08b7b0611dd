// Package mailheader takes a mail's header apart, lenient as readers of mail are: what is
// no field is passed over. Who judges a mail and who reads it see the same fields.
//
// It does not decode values, and knows no field by its name.
package mailheader

import (
	"bytes"
	"strings"
)

// Limits of what is read.
const (
	maxFields = 1000     // what is behind them is no field
	maxValue  = 64 << 10 // bytes; what goes on behind them is left out
	maxWhole  = 500      // fields of a header that is whole
)

// A Field is one field of a header.
type Field struct {
	Name  string // as written, ASCII
	Value string // unfolded, without blanks around it
}

// Is reports whether the field has a name, in whatever case.
func (f Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// A Header is what stands before a mail's body.
type Header struct {
	Fields  []Field
	Clean   []byte // the fields as they came, in lines that end in CRLF, and an empty line
	Body    []byte // what is behind the header
	Dropped bool   // there were lines that are no field and not an mbox's "From "

	// Whole: it has an end, no field of more than 64 KiB and not more than 500 of them,
	// and neither a NUL nor a lone CR, which readers understand in different ways.
	Whole bool
}

// Read splits a mail.
func Read(raw []byte) (h Header) {
	odd, keep := false, false
	name, value := "", []byte(nil) // of the field that may go on
	end := func() {
		if keep {
			h.Fields = append(h.Fields, Field{name, string(bytes.TrimSpace(value))})
		}
		keep, value = false, nil
	}

	for len(raw) > 0 {
		line, rest, ended := bytes.Cut(raw, []byte("\n"))
		raw = rest
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
			h.Whole = ended
			break
		}
		odd = odd || bytes.ContainsAny(line, "\r\x00") || len(value)+len(line) > maxValue

		before, after, ok := bytes.Cut(line, []byte(":"))
		switch before = bytes.TrimRight(before, " \t"); {
		case line[0] == ' ' || line[0] == '\t':
			if keep && len(value) < maxValue {
				value = append(append(value, ' '), bytes.TrimSpace(line)...)
			}
		case ok && isName(before) && len(h.Fields) < maxFields:
			end()
			keep, name, value = true, string(before), bytes.Clone(after)
		default:
			end()
			h.Dropped = h.Dropped || !bytes.HasPrefix(line, []byte("From "))
		}
		if keep {
			h.Clean = append(append(h.Clean, line...), '\r', '\n')
		}
	}
	end()
	h.Clean, h.Body = append(h.Clean, '\r', '\n'), raw
	h.Whole = h.Whole && !odd && len(h.Fields) <= maxWhole
	return h
}

func isName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// All are the fields of a name.
func (h Header) All(name string) (fields []Field) {
	for _, f := range h.Fields {
		if f.Is(name) {
			fields = append(fields, f)
		}
	}
	return fields
}

// First is the value of the first field of a name, or "".
func (h Header) First(name string) string {
	for _, f := range h.Fields {
		if f.Is(name) {
			return f.Value
		}
	}
	return ""
}
