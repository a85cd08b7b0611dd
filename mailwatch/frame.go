package mailwatch

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// What a server may send. The parser behind the guard recurses and buffers
// without limits of its own, so that everything is bounded before it gets there.
const (
	maxResponse = 64 << 10 // one response, literals aside
	maxLiterals = 32 << 20 // all literals of one response that are mails, which the parser hands on as they come
	maxSmall    = 16 << 10 // all others, which it keeps
	maxDepth    = 64       // parentheses in parentheses
	maxStatus   = 600      // of a status text that is kept
)

var (
	errResponse = fmt.Errorf("the server sent a response of more than %d bytes", maxResponse)
	errLiteral  = fmt.Errorf("the server sent literals of more than %d bytes", maxLiterals)
	errSmall    = fmt.Errorf("the server sent literals of more than %d bytes that are no mail", maxSmall)
	errEnvelope = errors.New("the server sent an envelope, which was not asked for")
	errFlat     = errors.New("the server sent a list among its capabilities")
	errDepth    = fmt.Errorf("the server sent more than %d nested lists", maxDepth)
	errShape    = errors.New("the server sent a malformed response")
)

// Kinds of responses, as the parser behind the guard reads them.
const (
	opening  = iota // not yet known
	textual         // a status or continuation: text to the end of the line
	untagged        // data: atoms, strings, lists and literals
)

// A frame follows the framing of a server's responses, byte by byte. It must
// never see less structure than the parser behind it, else a server could hide
// one from the other: what the two might read differently is an error.
type frame struct {
	kind     int
	size     int   // of this response so far, literals aside
	literals int64 // of this response so far
	skip     int64 // bytes of the present literal still to come
	depth    int
	quoted   bool
	escaped  bool
	head     literalHead // of the next literal
	words    words

	token int // which word of the opening
	word  []byte
	star  bool

	text []byte // of a status: what follows the word
	code bool   // within its [code]

	heard
}

// heard is what all responses so far have said.
type heard struct {
	count  int    // responses seen
	tagged int    // tagged ones
	bye    string // text of BYE, or a word if it has none
	alert  string // text of an [ALERT]
	no     string // text of the last tagged NO or BAD, with the word
}

// A literalHead follows what stands before a literal: "{digits} CRLF".
type literalHead struct {
	come int   // how far: 0 not begun, 1 digits, 2 "}", 3 SP, 4 CR
	size int64 // the digits' value

	mail  bool  // it is a mail
	small int64 // bytes of all of the response that are none
}

// words are the last two of the data of one response, as far as they are of interest.
type words struct {
	fetch        bool // the response is a FETCH
	flat         bool // it is of capabilities: the parser reads a list among them for ever
	item, before []byte
}

// follow takes a byte of data, and reports whether a word has ended.
func (w *words) follow(b byte) (ended bool) {
	switch b {
	case ' ', '(', ')', '\r':
		if len(w.item) > 0 {
			w.item, w.before = w.before[:0], w.item
			return true
		}
	case '{':
	default:
		if len(w.item) < 16 {
			w.item = append(w.item, b)
		}
	}
	return false
}

// mail reports whether what comes next is the text of a mail.
func (w *words) mail() bool {
	return w.fetch && len(w.item) == 0 && bytes.HasPrefix(bytes.ToUpper(w.before), []byte("BODY[]"))
}

// feed takes a byte of data.
func (h *literalHead) feed(b byte) error {
	switch {
	case b == '{':
		h.come, h.size = 1, 0
	case h.come == 1 && b >= '0' && b <= '9':
		if h.size = h.size*10 + int64(b-'0'); h.size > maxLiterals {
			return errLiteral
		}
	case h.come == 1 && b == '}':
		h.come = 2
	case h.come == 2 && b == ' ':
		h.come = 3
	case (h.come == 2 || h.come == 3) && b == '\r':
		h.come = 4
	default:
		h.come = 0
	}
	return nil
}

// ends reports whether a line that ends here announces a literal.
func (h *literalHead) ends() bool { return h.come >= 2 }

// feed takes bytes as they come off the wire.
func (f *frame) feed(p []byte) error {
	for len(p) > 0 {
		if f.skip > 0 {
			n := min(f.skip, int64(len(p)))
			f.skip -= n
			p = p[n:]
			continue
		}
		b := p[0]
		p = p[1:]
		if f.size++; f.size > maxResponse {
			return errResponse
		}
		if f.kind == opening && !f.open(b) {
			if len(f.word) > 64 {
				return errShape
			}
			continue
		}
		if err := f.next(b); err != nil {
			return err
		}
	}
	return nil
}

// open takes a byte of the response's first words and reports whether it ended
// them; if so the kind is known and the byte is still to be looked at.
func (f *frame) open(b byte) bool {
	first := f.token == 0 && len(f.word) == 0
	if first && b == '+' {
		f.kind = textual
		f.text = append(f.text[:0], "continue"...) // no code can follow
		return true
	}
	if isAtom(b) || first && b == '*' {
		f.word = append(f.word, b)
		return false
	}
	word := string(bytes.ToUpper(f.word))
	status := word == "OK" || word == "NO" || word == "BAD" || word == "BYE" || word == "PREAUTH"
	switch {
	case f.token == 0 && b == ' ':
		f.star = word == "*"
		f.token, f.word = 1, f.word[:0]
		return false
	case f.token == 1 && (!f.star || status):
		f.kind = textual
		f.text = f.text[:0]
		if !f.star {
			f.tagged++
		}
	case f.token == 1 && b == ' ' && digits(word):
		f.token, f.word = 2, f.word[:0]
		return false
	case f.token == 2 && status:
		f.kind, f.depth = untagged, maxDepth+1 // "* 1 OK": nobody sends that
	default:
		f.kind, f.words.fetch = untagged, f.token == 2 && word == "FETCH"
		f.words.flat = word == "CAPABILITY" || word == "ENABLED"
	}
	return true
}

func (f *frame) next(b byte) error {
	if f.depth > maxDepth {
		return errShape
	}
	if f.kind == textual {
		return f.status(b)
	}
	return f.data(b)
}

// status takes a byte of a status text. A [code] must end on its line: the
// parser looks for its end beyond it.
func (f *frame) status(b byte) error {
	switch {
	case b == '\n':
		if f.code {
			return errShape
		}
		f.keep()
		f.end()
		return nil
	case b == '[' && len(f.text) == 1 && f.text[0] == ' ':
		f.code = true
	case b == ']':
		f.code = false
	case b == '(' && f.code && bytes.HasPrefix(bytes.ToUpper(f.text), []byte(" [CAPABILITY")):
		return errFlat
	}
	if len(f.text) < maxStatus {
		f.text = append(f.text, b)
	}
	return nil
}

func (f *frame) keep() {
	text := strings.TrimSpace(string(f.text))
	if f.star && bytes.EqualFold(f.word, []byte("BYE")) {
		f.bye = "BYE " + text
	}
	if word := strings.ToUpper(string(f.word)); !f.star && (word == "NO" || word == "BAD") {
		f.no = word + " " + text
	}
	if strings.HasPrefix(strings.ToUpper(text), "[ALERT]") {
		f.alert = text
	}
}

func (f *frame) data(b byte) error {
	if f.quoted {
		switch {
		case b == '\r' || b == '\n':
			return errShape
		case f.escaped:
			f.escaped = false
		case b == '\\':
			f.escaped = true
		case b == '"':
			f.quoted = false
		}
		return nil
	}
	if b == '\n' {
		return f.line()
	}
	switch {
	case b == '"':
		f.quoted = true
	case b == '(':
		if f.words.flat {
			return errFlat
		}
		if f.depth++; f.depth > maxDepth {
			return errDepth
		}
	case b == ')':
		if f.depth--; f.depth < 0 {
			return errShape
		}
	}
	if f.words.follow(b) && f.words.fetch && f.depth == 1 && bytes.EqualFold(f.words.before, []byte("ENVELOPE")) {
		return errEnvelope // the parser takes hundreds of times its length to read one
	}
	if b == '{' {
		f.head.mail = f.depth == 1 && f.words.mail()
	}
	return f.head.feed(b)
}

// line ends a line of data: a literal follows, or the response is over.
func (f *frame) line() error {
	if f.head.ends() {
		if f.literals += f.head.size; f.literals > maxLiterals {
			return errLiteral
		}
		if !f.head.mail {
			f.head.small += f.head.size
		}
		if f.head.small > maxSmall {
			return errSmall
		}
		f.skip, f.head.come = f.head.size, 0
		return nil
	}
	if f.depth > 0 {
		return errShape
	}
	f.end()
	return nil
}

// end makes ready for the next response.
func (f *frame) end() {
	f.count++
	f.kind, f.size, f.literals, f.depth = opening, 0, 0, 0
	f.quoted, f.escaped, f.code, f.star = false, false, false, false
	f.token, f.word, f.text = 0, f.word[:0], f.text[:0]
	f.head, f.words = literalHead{}, words{item: f.words.item[:0], before: f.words.before[:0]}
}

// isAtom reports whether b belongs to an atom, as go-imap reads them.
func isAtom(b byte) bool {
	switch b {
	case '(', ')', '{', ' ', '%', '*', '"', '\\', ']':
		return false
	}
	return !unicode.IsControl(rune(b))
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
