package cucmtrace

import (
	"bytes"
	"io"
	"strconv"
	"time"

	"rtmtgrab/internal/evidence"
)

// A Record is one record of a trace, or a part of what is none.
type Record struct {
	Text   []byte // all of it, line ends included; valid until the next one
	Offset int64  // of its first byte in the uncompressed file
	Head   bool   // it begins a record; else it goes on with one that is too long, or is none
	Time   time.Time
	Odd    bool // its own time cannot be right: it has that of the one before it
}

// A Place says what is known of a file beside its bytes.
type Place struct {
	Modified time.Time      // of the file; zero: not known
	Zone     *time.Location // of the node; nil: as the file's head says, else UTC
	First    time.Time      // of the first record, where that is known; see Anchor
}

// A Reader reads an SDL trace.
type Reader struct {
	split *splitter
	clock clock
	last  time.Time

	Heads    int    // files that begin in what was read
	Node, IP string // host name and address of the node, as the newest head says; empty: none did
}

// NewReader reads the trace r. Without a head in it, and without place.First, its times are
// not known: Anchor finds them.
func NewReader(r io.Reader, place Place) *Reader {
	return &Reader{split: newSplitter(r, sdlStart, sipLength), clock: newClock(place)}
}

// Next is the next record. After the last one comes io.EOF, or what reading ended with: all
// that was read was given then.
func (r *Reader) Next() (Record, error) {
	p, err := r.split.next()
	if err != nil {
		return Record{}, err
	}
	rec := Record{Text: p.text, Offset: p.offset, Head: p.head, Time: r.last}
	if !p.head {
		return rec, nil
	}
	if h, ok := headOf(p.text); ok {
		r.Heads++
		r.Node, r.IP = h.node, h.ip
		r.clock.begins(h, clockOf(p.text))
	}
	rec.Time, rec.Odd = r.clock.at(clockOf(p.text), clockOf(p.next))
	r.last = rec.Time
	return rec, nil
}

// sdlStart reports whether a record of SDL begins with this line:
// 00004372.000 |07:28:32.110 |SdlSig …
func sdlStart(b []byte) bool {
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i < 5 || i > 16 || len(b) < i+20 || b[i] != '.' || b[i+4] != ' ' || b[i+5] != '|' || b[i+8] != ':' || b[i+11] != ':' || b[i+14] != '.' || b[i+18] != ' ' || b[i+19] != '|' {
		return false
	}
	for _, d := range [...]int{1, 2, 3, 6, 7, 9, 10, 12, 13, 15, 16, 17} {
		if c := b[i+d]; c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// body is a record without its counter and time: what comes after the second bar.
func body(record []byte) []byte {
	i := bytes.IndexByte(record, '.')
	if i < 0 || len(record) < i+20 {
		return nil
	}
	return record[i+20:]
}

// noClock is the time of day of what has none, or an impossible one.
const noClock = -1

// clockOf is the time of day in ms that a record begins with, or noClock.
func clockOf(b []byte) int {
	if !sdlStart(b) {
		return noClock
	}
	t := b[bytes.IndexByte(b, '|')+1:]
	two := func(i int) int { return int(t[i]-'0')*10 + int(t[i+1]-'0') }
	h, m, s := two(0), two(3), two(6)
	if h > 23 || m > 59 || s > 60 {
		return noClock
	}
	return ((h*60+m)*60+min(s, 59))*1000 + int(t[9]-'0')*100 + int(t[10]-'0')*10 + int(t[11]-'0')
}

// A head is what a file's first record says of the file.
type head struct {
	date   time.Time // midnight, by offset
	offset time.Duration
	node   string // host name
	ip     string
}

// headOf reads a FileHead record: |FileHead |UTC:-05:00,Date: 2024/08/13, … HostName: …
func headOf(record []byte) (head, bool) {
	b, ok := bytes.CutPrefix(body(record), []byte("FileHead"))
	if !ok {
		return head{}, false
	}
	utc, ok := parseOffset(field(b, "UTC:"))
	if !ok {
		return head{}, false
	}
	zone := time.FixedZone("", int(utc/time.Second))
	date, err := time.ParseInLocation("2006/01/02", field(b, "Date:"), zone)
	if err != nil || !evidence.Believable(date) {
		return head{}, false
	}
	return head{date: date, offset: utc, node: field(b, "HostName:"), ip: field(b, "HostIPAddress:")}, true
}

// field is what stands behind the first of some names that is there, up to the next comma.
func field(b []byte, names ...string) string {
	var v []byte
	for _, name := range names {
		var ok bool
		if _, v, ok = bytes.Cut(b, []byte(name)); ok {
			break
		}
	}
	if i := bytes.IndexAny(v, ",\r\n"); i >= 0 {
		v = v[:i]
	}
	return evidence.Printable(string(bytes.TrimSpace(v[:min(len(v), 300)])), 300)
}

// parseOffset reads -05:00, +5:30 and the like.
func parseOffset(s string) (time.Duration, bool) {
	if len(s) < 2 || s[0] != '-' && s[0] != '+' {
		return 0, false
	}
	h, m := s[1:], "0"
	if i := bytes.IndexByte([]byte(h), ':'); i >= 0 {
		h, m = h[:i], h[i+1:]
	}
	hours, err := strconv.ParseUint(h, 10, 8)
	minutes, err2 := strconv.ParseUint(m, 10, 8)
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if err != nil || err2 != nil || d > evidence.MaxOffset {
		return 0, false
	}
	if s[0] == '-' {
		d = -d
	}
	return d, true
}
