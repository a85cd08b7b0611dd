package expressway

import (
	"bytes"
	"io"
	"time"

	"rtmtgrab/internal/evidence"
)

// MaxRecord is how much of one record is kept. The rest of a longer record is
// counted and passed over.
const MaxRecord = 256 << 10

// A Record is a log record: its head line and all lines up to the next one, or a
// stretch of bytes that is none. Records joined are the input.
type Record struct {
	Offset, Length int64     // in the stream; Length is more than len(Text) for a record over MaxRecord
	Time           time.Time // as HeadTime has it, UTC; zero if Head is false
	Text           []byte    // with its line ends, at most MaxRecord; valid until the next call
	Before         int       // how many bytes of Text are not here but stood before another host's records
	Head           bool      // false: bytes before the first record, or from a run of NUL bytes to the next record
}

// headSize is how many bytes of a line tell whether it starts a record.
const headSize = 256

// A RecordReader reads a log record by record in 1.3 MiB of memory. It takes
// remote syslog files as well: a record may stand behind a syslog header, and so may
// each line of its message.
type RecordReader struct {
	window
	ref     Ref
	newLine bool   // the byte at at begins a line
	headed  bool   // and that line starts a record
	line    []byte // that head last looked at
	utcAt   int    // where UTCTime stands in it; 0: not looked for
	served  bool   // the records stand behind headers of a syslog server
	split   splitting
	woven   []byte                  // of the message in hand, what stands before the record
	open    map[string]*openMessage // by host
	begun   bool
}

// NewRecordReader reads from r, whose first byte is at offset of its file.
func NewRecordReader(r io.Reader, offset int64, ref Ref) *RecordReader {
	if !evidence.Believable(ref.MTime) {
		ref.MTime = time.Now()
	}
	return &RecordReader{ref: ref, window: window{r: r, offset: offset, buf: make([]byte, 2*MaxRecord+readSize)}}
}

// Next returns the next record; io.EOF after the last. Another error of the
// reader comes after all records that were read before it.
func (r *RecordReader) Next() (Record, error) {
	r.newLine = false
	r.next()
	if r.split.on {
		r.split = splitting{}
	}
	for r.to-r.at < headSize && r.fill() {
	}
	if r.from == r.to {
		return Record{}, r.err
	}
	if !r.begun {
		r.begun, r.headed = true, r.head(true)
	}
	if r.woven = nil; r.headed {
		r.resume()
	}
	rec := Record{Offset: r.offset, Head: r.headed}
	utc := r.utcAt
	r.utcAt = 0
	r.framed()
	for !r.find(rec.Head) && r.fill() {
	}
	rec.Text, rec.Length = r.text()
	if rec.Head {
		line := firstLine(rec.Text)
		if r.served && r.weave(&rec, line) {
			line, utc = firstLine(rec.Text), 0
		}
		var ok bool
		if rec.Time, ok = utcTime(line[min(utc, len(line)):]); !ok {
			rec.Time, _ = recordTime(line, r.ref)
		}
	}
	r.offset += rec.Length
	return rec, nil
}

// find moves at to the end of the record, true, or as far as the bytes in buf go.
// A record ends at the next head; one with a head ends at a NUL as well.
func (r *RecordReader) find(head bool) bool {
	if r.at == r.from && r.over == 0 {
		r.at++ // its first byte is its own, head or not
		r.newLine = r.buf[r.from] == '\n' || r.buf[r.from] == 0
		r.seekNUL()
	}
	for r.at < r.to {
		if r.newLine || r.at == r.frame {
			if begins, sure := r.begins(head); begins || !sure {
				return begins
			}
		}
		if r.pass(head) {
			return true
		}
	}
	return false
}

// begins reports whether a record begins at at, where a line begins or a frame ends;
// false, false: it must be read further to tell.
func (r *RecordReader) begins(head bool) (begins, sure bool) {
	if r.to-r.at < headSize && r.err == nil {
		return false, false
	}
	r.headed = r.head(r.newLine)
	if r.headed && head {
		more, sure := r.continues()
		if !sure {
			return false, false
		}
		if r.headed = !more; more {
			r.framed()
		}
	}
	if r.headed {
		return true, true
	}
	r.newLine = false
	if r.at == r.frame {
		r.frame = -1
	}
	return false, true
}

// pass moves at to the end of the line, of the frame or of a run of NUL bytes, or as far as
// the bytes in buf go. True: a NUL ends the record, which has a head.
func (r *RecordReader) pass(head bool) bool {
	end := r.nul
	if r.frame > r.at && r.frame < end {
		end = r.frame
	}
	switch i := bytes.IndexByte(r.buf[r.at:end], '\n'); {
	case i >= 0:
		r.at += i + 1
		r.newLine = true
	case end < r.nul:
		r.at = end
	case r.nul == r.to:
		r.at = r.to
	case head:
		r.at, r.headed = r.nul, false
		return true
	default:
		r.at = r.nul + 1
		for r.at < r.to && r.buf[r.at] == 0 {
			r.at++
		}
		r.newLine = true
		r.seekNUL()
	}
	return false
}

// head reports whether the line at at starts a record. Most lines of bodies begin
// with a blank: the first byte decides. Where a frame ends within a line, another
// frame must begin.
func (r *RecordReader) head(newLine bool) bool {
	b := r.buf[r.at:min(r.to, r.at+headSize)]
	switch c := b[0]; {
	case isDigit(c), c == '<', c >= 'A' && c <= 'S':
		if !newLine {
			if n, _ := cutLength(b); n == 0 {
				return false
			}
		}
		r.line = firstLine(b)
		if _, ok := isoTime(r.line); ok { // the ordinary case
			return true
		}
		if isHead(r.line, r.ref) {
			r.served = true
			return true
		}
	}
	return false
}

// framed finds out where the frame ends that begins at at.
func (r *RecordReader) framed() {
	if r.frame = -1; !r.served || !isDigit(r.buf[r.at]) {
		return
	}
	b := r.buf[r.at:min(r.to, r.at+10)]
	if n, rest := cutLength(b); n > 0 {
		r.frame = r.at + len(b) - len(rest) + n
	}
}

// continues reports whether the line at at, which bears a header, goes on with the
// record in hand; false, false: it must be read further to tell.
func (r *RecordReader) continues() (more, sure bool) {
	if r.utcAt = max(0, bytes.Index(r.line[:min(len(r.line), headSize/2)], utcKey)); r.utcAt > 0 { // the ordinary case
		return false, true
	}
	line := r.buf[r.at:min(r.to, r.at+MaxLine)]
	if i := LineBreak(line); i >= 0 {
		line = line[:i]
	} else if len(line) < MaxLine && r.err == nil {
		return false, false
	}
	line = trimCR(line)
	if !r.split.on {
		first := r.buf[r.from:r.at]
		if i := bytes.IndexByte(first, '\n'); r.over > 0 || i < len(first)-1 || !lacksMessage(first) {
			return false, true
		}
		r.split.begin(trimCR(firstLine(first)), line, r.ref)
		r.served = r.served || r.split.on
		return r.split.on, true
	}
	return r.split.next(line, r.ref), true
}

// firstLine is b up to its first line end or NUL.
func firstLine(b []byte) []byte {
	if i := LineBreak(b); i >= 0 {
		return b[:i]
	}
	return b
}
