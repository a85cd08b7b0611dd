package export

import (
	"bytes"
	"strconv"

	"rtmtgrab/internal/expressway"
)

// maxContent is the longest body that is believed.
const maxContent = 1 << 20

// masked stands where a credential was; in a body, whose length is known to others,
// the filler does.
const masked = "[masked]"

// filler stands for bytes that are not from the log.
const filler = '.'

// A message is a SIP message as a wire carried it, and what of it is not from the log.
type message struct {
	text    []byte // valid until the next build
	udp     bool   // by its topmost Via
	instead bool   // over UDP, for Wireshark would take its TCP port for another protocol's
	cut     bool   // its headers are incomplete
	padded  int    // bytes at its end that are not from the log
	surplus int    // bytes of the log beyond Content-Length, left out
	mixed   bool   // which line ends of the body are CRLF and which LF is not known
	masked  int    // credentials
}

// A wire builds messages, one after the other in the same memory.
type wire struct {
	out     []byte
	content []byte
}

// build makes the message of what a log has: its line ends are LF for CRLF, the last
// may be missing, and it may be cut. False: its Content-Length is not to be believed.
func (w *wire) build(log []byte, whole, raw bool) (m message, ok bool) {
	w.out = w.out[:0]
	content, length, ended := w.headers(&m, log, raw)
	if length > maxContent {
		return m, false
	}
	from := len(w.out)
	if m.cut = !ended && !whole; m.cut && len(log) > 0 && log[len(log)-1] != '\n' {
		from -= 2 // the end of the line that is cut
	}
	w.out = append(w.out, '\r', '\n')
	if m.cut {
		m.padded = len(w.out) - from
	}
	if !raw && expressway.NamesCredential(content) {
		content = w.maskContent(&m, content)
	}
	w.body(&m, content, length, whole)
	m.text = w.out
	return m, true
}

// headers writes the lines up to the empty one, which it leaves out, and returns what
// follows and the Content-Length, -1 if there is none.
func (w *wire) headers(m *message, log []byte, raw bool) (content []byte, length int, ended bool) {
	f := framing{length: -1}
	secrets := !raw && expressway.NamesCredential(log)
	hidden := false // the header above, by a mask
	for n := 0; len(log) > 0; n++ {
		line, rest, whole := bytes.Cut(log, []byte("\n"))
		if log = rest; len(line) == 0 && whole {
			return rest, f.length, true
		}
		name, value, ok := expressway.CutHeader(line)
		if secrets && ok && n > 0 && len(value) == 0 && expressway.NamesCredential(name) {
			line, log = unfold(line, log)
		}
		indented := line[0] == ' ' || line[0] == '\t'
		switch goesOn := n > 0 && (!ok || indented); {
		case goesOn && hidden:
			continue
		case goesOn && !indented:
			w.out = append(w.out, ' ')
		case n > 0 && !goesOn:
			f.take(m, name, value)
		}
		hidden = w.header(m, line, secrets)
	}
	return nil, f.length, false
}

// unfold puts the next line behind a header whose value begins there: the scheme of a credential
// stays, without which Wireshark cannot read the header.
func unfold(line, rest []byte) (joined, left []byte) {
	next, left, _ := bytes.Cut(rest, []byte("\n"))
	if len(next) == 0 || next[0] != ' ' && next[0] != '\t' {
		return line, rest
	}
	return append(append(bytes.Clone(line), ' '), bytes.TrimLeft(next, " \t")...), left
}

// A framing is what headers tell of how a message travels.
type framing struct {
	length int  // Content-Length; -1: none yet
	via    bool // the topmost Via was seen
}

// take takes in one header. Of several the first counts.
func (f *framing) take(m *message, name, value []byte) {
	switch {
	case f.length < 0 && is(name, "content-length", "l"):
		f.length = number(value)
	case !f.via && is(name, "via", "v"):
		f.via, m.udp = true, viaUDP(value)
	}
}

// header writes a line. Hidden: a mask stands for the credential in it.
func (w *wire) header(m *message, line []byte, secrets bool) (hidden bool) {
	if secrets {
		var head []byte
		if head, _, hidden = expressway.CutCredential(line); hidden {
			w.out = append(append(append(w.out, head...), masked...), '\r', '\n')
			m.masked++
			return true
		}
	}
	w.out = append(append(w.out, line...), '\r', '\n')
	return false
}

// is compares a header's name with its long and its short form, in lower case.
func is(name []byte, long, short string) bool {
	switch len(name) {
	case len(long):
		return bytes.EqualFold(name, []byte(long))
	case len(short):
		return bytes.EqualFold(name, []byte(short))
	}
	return false
}

// number is that at the beginning of a value; -1: there is none.
func number(v []byte) int {
	i := 0
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(string(v[:i]))
	switch {
	case i == 0:
		return -1
	case err != nil:
		return maxContent + 1
	}
	return n
}

// viaUDP reads the transport from a Via: SIP/2.0/UDP host:port;…
func viaUDP(via []byte) bool {
	protocol, _, _ := bytes.Cut(via, []byte(" "))
	return len(protocol) > 4 && bytes.EqualFold(protocol[len(protocol)-4:], []byte("/UDP"))
}

// body writes length bytes of content.
func (w *wire) body(m *message, content []byte, length int, whole bool) {
	from := len(w.out)
	if length < 0 {
		w.crlf(content, -1)
		return
	}
	text := bytes.TrimSuffix(content, []byte("\n")) // perhaps the record's line end
	n, ends := len(text), bytes.Count(text, []byte("\n"))
	switch {
	case length == n+ends+2:
		w.crlf(text, -1)
		w.out = append(w.out, '\r', '\n')
	case length == n+ends:
		w.crlf(text, -1)
	case length == n, length == n+1 && n < len(content):
		w.out = append(w.out, content[:length]...)
	case length < n:
		m.surplus = n - length
		w.out = append(w.out, text[:length]...)
	case length > n+ends:
		w.crlf(content[:min(len(content), n+max(0, length-n-ends-1))], -1)
	case whole:
		m.mixed = true
		w.crlf(text, length-n)
	default: // cut, and its line ends were LF
		w.out = append(w.out, text...)
	}
	for len(w.out)-from < length {
		w.out = append(w.out, filler)
		m.padded++
	}
}

// crlf writes text with CRLF for its first line ends, so many or, with -1, all.
func (w *wire) crlf(text []byte, ends int) {
	for ; ends != 0; ends-- {
		line, rest, ok := bytes.Cut(text, []byte("\n"))
		if !ok {
			break
		}
		w.out = append(append(w.out, line...), '\r', '\n')
		text = rest
	}
	w.out = append(w.out, text...)
}

// maskContent is the content with credentials of quoted headers replaced by as many
// bytes.
func (w *wire) maskContent(m *message, content []byte) []byte {
	w.content = append(w.content[:0], content...)
	hidden := false
	for line := range bytes.Lines(w.content) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		at := 0
		if _, _, ok := expressway.CutHeader(line); !hidden || ok || len(line) == 0 {
			hidden = false
			var found bool
			if _, at, found = expressway.CutCredential(line); !found {
				continue
			}
			m.masked++
		}
		hidden = true
		for i := at; i < len(line); i++ {
			line[i] = filler
		}
	}
	return w.content
}
