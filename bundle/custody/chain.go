package custody

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
)

// maxLine is the longest line that is written or read, line feed included.
const maxLine = 64 << 10

// A Head is where a chain has come to. The zero value is before its first line.
type Head struct {
	N    int    `json:"entries"`
	Hash string `json:"head"` // SHA-256 of the last line, hex
}

var zeros = strings.Repeat("0", 2*sha256.Size)

// prev is what the next line carries.
func (h Head) prev() string {
	if h.Hash == "" {
		return zeros
	}
	return h.Hash
}

// next is the head behind a line.
func (h Head) next(line []byte) Head { return Head{h.N + 1, hashOf(line)} }

func hashOf(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// add is the line that continues a chain.
func (h Head) add(e Entry) ([]byte, error) {
	e.N, e.Prev = h.N+1, h.prev()
	return encode(e)
}

func encode(e Entry) ([]byte, error) {
	b, err := json.Marshal(e)
	if err == nil && len(b) >= maxLine {
		err = fmt.Errorf("an entry of %d bytes is too long", len(b))
	}
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// A BrokenError is that a line does not continue those before it.
type BrokenError struct {
	Line int // from 1, in the file
	What string
}

func (e *BrokenError) Error() string { return fmt.Sprintf("line %d %s", e.Line, e.What) }

// ErrTorn is that a chain is whole but for its end, which is no entry: a crash cut it off.
var ErrTorn = errors.New("its last line was cut off")

// Walk reads a chain that continues from, and shows each entry to visit, which may be nil.
// The head is that of the last whole entry. Errors are visit's, ErrTorn, a *BrokenError, or
// of reading.
func Walk(r io.Reader, from Head, visit func(Entry) error) (Head, error) {
	w := newWalker(r, from, visit)
	err := w.walk()
	return w.head, err
}

// A walker is on its way through a chain.
type walker struct {
	in    *bufio.Reader
	head  Head
	line  int
	torn  int       // bytes behind the head that are no entry
	hash  hash.Hash // of those
	open  []byte    // the last line, if it has no end
	visit func(Entry) error
}

func newWalker(r io.Reader, from Head, visit func(Entry) error) *walker {
	return &walker{in: bufio.NewReaderSize(r, maxLine), head: from, hash: sha256.New(), visit: visit}
}

func (w *walker) walk() error {
	for {
		line, err := w.in.ReadSlice('\n')
		w.line++
		switch {
		case err == nil:
			err = w.take(line)
		case errors.Is(err, bufio.ErrBufferFull):
			err = &BrokenError{w.line, fmt.Sprintf("is longer than %d bytes", maxLine)}
		case errors.Is(err, io.EOF) && len(line) > 0:
			w.open = slices.Clone(line)
			return ErrTorn
		case errors.Is(err, io.EOF) && w.torn > 0:
			return ErrTorn
		case errors.Is(err, io.EOF):
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// take goes on by a line.
func (w *walker) take(line []byte) error {
	e, is := parse(line)
	if !is { // a crash may have cut it off: then the next entry says so
		w.torn += len(line)
		w.hash.Write(line)
		return nil
	}
	if why := w.refuse(e); why != "" {
		return &BrokenError{w.line, why}
	}
	w.head, w.torn = w.head.next(line), 0
	w.hash.Reset()
	if w.visit != nil {
		return w.visit(e)
	}
	return nil
}

// parse is the entry of a line, if it is one.
func parse(line []byte) (e Entry, is bool) {
	if line[0] != '{' || json.Unmarshal(line, &e) != nil {
		return Entry{}, false
	}
	return e, true
}

// refuse is why an entry does not continue the chain.
func (w *walker) refuse(e Entry) string {
	torn := 0
	if e.After != nil {
		torn = e.After.Torn
	}
	switch {
	case e.N != w.head.N+1:
		return fmt.Sprintf("is entry %d, where %d should be", e.N, w.head.N+1)
	case torn != w.torn || e.Prev != w.prev():
		return "does not carry the hash of what is before it"
	}
	return ""
}

// prev is what the next entry carries.
func (w *walker) prev() string {
	if w.torn > 0 {
		return hex.EncodeToString(w.hash.Sum(nil))
	}
	return w.head.prev()
}

// continued is what is to be written behind the end of a chain that was walked, a torn line
// there too.
func (w *walker) continued(e Entry) ([]byte, error) {
	var before []byte
	if w.open != nil {
		line := append(w.open, '\n')
		before = []byte("\n")
		if err := w.take(line); err != nil {
			return nil, err
		}
	}
	e.N, e.Prev, e.After = w.head.N+1, w.prev(), nil
	if w.torn > 0 {
		e.After = &AfterDamage{Torn: w.torn}
	}
	line, err := encode(e)
	return append(before, line...), err
}

// printable keeps foreign text short: an entry has to fit into a line.
func printable(s string) string { return evidence.Printable(s, 500) }
