package expressway

import (
	"bytes"
	"io"
	"time"
)

// MaxLine is how much of one line is looked at. The rest of a longer line is
// counted and passed over.
const MaxLine = 64 << 10

// A Line is a line of a log, or a run of NUL bytes: a crash leaves them in the
// middle of a line, and a record may follow without a line end. Lines joined are
// the input.
type Line struct {
	Offset int64
	Length int64     // with its line end; more than len(Text) for a line over MaxLine
	Text   []byte    // without the line end; valid until the next call
	Head   bool      // the line starts a record
	Time   time.Time // of the record that it starts
}

// NUL reports whether the line is a run of NUL bytes.
func (l *Line) NUL() bool { return len(l.Text) > 0 && l.Text[0] == 0 }

// A LineReader reads a log line by line in 128 KiB of memory, or less if there is little to
// read: the ends of thousands of logs are looked at each minute.
type LineReader struct {
	r        io.Reader
	ref      Ref
	buf      []byte
	from, to int // unread bytes of buf
	rounds   int // that were made through buf
	offset   int64
	err      error
}

// NewLineReader reads from r, whose first byte is at offset of its file. The
// first byte must begin a line.
func NewLineReader(r io.Reader, offset int64, ref Ref) *LineReader {
	return &LineReader{r: r, ref: ref, offset: offset, buf: make([]byte, littleBuffer)}
}

const (
	littleBuffer = 16 << 10
	muchRead     = 1 << 20
)

// LinesOf reads from b, whose first byte is at offset of its file and begins a line, as
// NewLineReader does, without memory of its own.
func LinesOf(b []byte, offset int64, ref Ref) *LineReader {
	return &LineReader{buf: b, to: len(b), offset: offset, ref: ref, err: io.EOF}
}

// Next returns the next line; io.EOF after the last.
func (l *LineReader) Next() (Line, error) {
	end := l.fill()
	if l.from == l.to {
		return Line{}, l.err
	}
	b := l.buf[l.from:l.to]
	line := Line{Offset: l.offset}
	switch {
	case b[0] == 0:
		n := len(b) - len(bytes.TrimLeft(b, "\x00"))
		line.Text, line.Length = b[:n], int64(n)
		l.advance(n)
		return line, nil
	case end >= 0:
		line.Text = b[:end]
		if b[end] == '\n' {
			end++
		}
		line.Length = int64(end)
		l.advance(end)
	default: // over MaxLine, or the last line without a line end
		n := min(len(b), MaxLine)
		line.Text, line.Length = b[:n], int64(n)
		l.advance(n)
		if n == MaxLine {
			line.Text = bytes.Clone(line.Text)
			line.Length += l.skipLine()
		}
	}
	line.Time, line.Head = HeadTime(line.Text, l.ref)
	return line, nil
}

// LineBreak returns the index of the first line end or NUL in b, or -1.
func LineBreak(b []byte) int {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return bytes.IndexByte(b, 0)
	}
	if n := bytes.IndexByte(b[:i], 0); n >= 0 {
		return n
	}
	return i
}

// fill makes a whole line available if there is one of at most MaxLine, and
// returns the index of its break in the unread bytes, or -1.
func (l *LineReader) fill() int {
	seen := 0
	for {
		if i := LineBreak(l.buf[l.from+seen : l.to]); i >= 0 {
			return seen + i
		}
		seen = l.to - l.from
		if l.err != nil || seen >= MaxLine {
			return -1
		}
		if l.to == len(l.buf) {
			l.makeRoom()
		}
		n, err := l.r.Read(l.buf[l.to:])
		l.to += n
		l.err = err
	}
}

// makeRoom moves what is unread to the front; into a larger buffer where a line is long, or where
// there turns out to be much to read.
func (l *LineReader) makeRoom() {
	buf := l.buf
	if l.rounds++; len(buf) < 2*MaxLine && (l.to-l.from > len(buf)/2 || l.rounds > muchRead/littleBuffer) {
		buf = make([]byte, 2*MaxLine)
	}
	l.to = copy(buf, l.buf[l.from:l.to])
	l.buf, l.from = buf, 0
}

func (l *LineReader) advance(n int) {
	l.from += n
	l.offset += int64(n)
}

// skipLine passes over the rest of a line and returns its length.
func (l *LineReader) skipLine() int64 {
	var n int64
	for {
		if i := LineBreak(l.buf[l.from:l.to]); i >= 0 {
			if l.buf[l.from+i] == '\n' {
				i++
			}
			l.advance(i)
			return n + int64(i)
		}
		n += int64(l.to - l.from)
		l.advance(l.to - l.from)
		if l.err != nil {
			return n
		}
		l.from = 0
		l.to, l.err = l.r.Read(l.buf)
	}
}
