package report

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"rtmtgrab/internal/expressway"
)

// maxText bounds the bytes of one record that the page shows.
const maxText = 64 << 10

// masked stands where a credential was.
const masked = "[masked in this page]"

var headerRE = regexp.MustCompile(`^[ \t|]*[A-Za-z][A-Za-z0-9-]*[ \t]*:[ \t]`)

// show makes a record's bytes fit for the page: credentials masked, no control
// characters but tab and line end, valid UTF-8, at most maxText bytes.
func show(b []byte) string {
	cut := len(b) > maxText
	if cut {
		b = b[:maxText]
	}
	var out strings.Builder
	hidden := false // what follows belongs to a masked header
	for line := range bytes.Lines(b) {
		end := ""
		if bytes.HasSuffix(line, []byte("\n")) {
			line, end = line[:len(line)-1], "\n"
		}
		if hidden && folded(line) {
			continue
		}
		var text []byte
		text, hidden = mask(line)
		plain(&out, text)
		out.WriteString(end)
	}
	if cut {
		out.WriteString("\n[the record goes on; the rest is in the log]")
	}
	return strings.TrimRight(out.String(), "\n")
}

// mask hides from a line what follows the name of a header with credentials, but for
// the scheme, and reports whether it did.
func mask(line []byte) ([]byte, bool) {
	head, _, ok := expressway.CutCredential(line)
	if !ok {
		return line, false
	}
	return append(head, masked...), true
}

// folded reports whether a line goes on with the header above it: it is not empty,
// no header itself and not the end of a message. A line that begins with white space
// beyond the log's own indentation is one whatever it looks like.
func folded(line []byte) bool {
	rest := bytes.Trim(line, " \t|\r")
	if len(rest) == 0 {
		return false
	}
	if bytes.HasPrefix(line, []byte("  ")) || bytes.HasPrefix(line, []byte(" \t")) || bytes.HasPrefix(line, []byte("\t")) {
		return true
	}
	return !headerRE.Match(line)
}

// plain writes control characters as visible signs.
func plain(out *strings.Builder, b []byte) {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		b = b[n:]
		switch {
		case r == '\r' && len(b) == 0: // of CRLF
		case r == '\t':
			out.WriteByte('\t')
		case r < 0x20:
			out.WriteRune(0x2400 + r)
		case r == 0x7f:
			out.WriteRune('\u2421')
		default:
			out.WriteRune(r)
		}
	}
}
