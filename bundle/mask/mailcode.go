package mask

import (
	"bytes"
	"io"
	"mime"
	"regexp"
	"unicode/utf8"

	"rtmtgrab/bundle/mask/find"
)

// only64 passes on what is base64, in whole groups, whatever else stands between: a damaged
// mail is masked as far as it can be read.
type only64 struct {
	r    io.Reader
	n    int // of the group in hand
	over bool
	buf  []byte
	err  error
}

func (o *only64) Read(p []byte) (int, error) {
	for len(o.buf) == 0 {
		if o.err != nil {
			return 0, o.err
		}
		var in [4096]byte
		n, err := o.r.Read(in[:])
		for _, c := range in[:n] {
			if !o.over && find.Is64(c) {
				o.buf = append(o.buf, c)
				o.n = (o.n + 1) % 4
			}
			if c == '=' && o.n > 1 {
				o.over = true
			}
		}
		if err != nil {
			o.err = err
			for o.n > 0 { // to a whole group
				if o.n == 1 {
					o.buf = append(o.buf, 'A')
				} else {
					o.buf = append(o.buf, '=')
				}
				o.n = (o.n + 1) % 4
			}
		}
	}
	n := copy(p, o.buf)
	o.buf = o.buf[n:]
	return n, nil
}

// wrapped writes lines of 76 signs.
type wrapped struct {
	w   io.Writer
	end string
	at  int
}

func (o *wrapped) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(76-o.at, len(rest))
		if _, err := o.w.Write(rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
		if o.at += n; o.at == 76 {
			if err := o.close(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func (o *wrapped) close() error {
	if o.at == 0 {
		return nil
	}
	o.at = 0
	_, err := io.WriteString(o.w, o.end)
	return err
}

type withoutCR struct{ w io.Writer }

func (o *withoutCR) Write(p []byte) (int, error) {
	_, err := o.w.Write(bytes.ReplaceAll(p, []byte("\r\n"), []byte("\n")))
	return len(p), err
}

// fromQuoted undoes quoted-printable, and leaves what is none.
type fromQuoted struct {
	b   *body
	buf []byte
}

func (q *fromQuoted) Read(p []byte) (int, error) {
	for len(q.buf) == 0 {
		l := q.b.m.line()
		if l == nil {
			return 0, io.EOF
		}
		if n, _ := q.b.m.bound(l); n >= 0 {
			q.b.m.ahead = l
			return 0, io.EOF
		}
		text := bytes.TrimRight(l, " \t\r\n")
		if bytes.HasSuffix(text, []byte("=")) && bytes.HasSuffix(l, []byte("\n")) {
			l = text[:len(text)-1]
		}
		q.buf = find.Unquote(l)
	}
	n := copy(p, q.buf)
	q.buf = q.buf[n:]
	return n, nil
}

var wordRE = regexp.MustCompile(`=\?[A-Za-z0-9_*-]+\?[bBqQ]\?[^?\s]*\?=(?:[ \t]*(?:\r?\n[ \t]+)?=\?[A-Za-z0-9_*-]+\?[bBqQ]\?[^?\s]*\?=)*`)

// undoWords is a header without the encoded words that are text in it: what they hold is
// masked as all else. Letters beyond ASCII stay as UTF-8.
func undoWords(head []byte) []byte {
	if !bytes.Contains(head, []byte("=?")) {
		return head
	}
	var dec mime.WordDecoder
	return wordRE.ReplaceAllFunc(head, func(words []byte) []byte {
		text, err := dec.DecodeHeader(string(words))
		if err != nil || !utf8.ValidString(text) {
			return words
		}
		return bytes.Map(func(r rune) rune {
			if r < 0x20 || r == 0x7f {
				return ' '
			}
			return r
		}, []byte(text))
	})
}
