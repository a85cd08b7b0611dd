package cucmtrace

import (
	"bytes"
	"io"
	"strconv"
	"time"

	"rtmtgrab/internal/evidence"
)

// LineKind is what a file of a node is.
type LineKind string

// The files of a node.
const (
	SDL         LineKind = "sdl"         // Call Manager: records of several lines
	System      LineKind = "system"      // Event Viewer-System Log: messages
	Application LineKind = "application" // Event Viewer-Application Log: CiscoSyslog
	AlertLog    LineKind = "alertlog"    // AlertLog_….csv
)

// A LineReader reads syslog or an AlertLog. A record there is a line with a time, and what
// follows up to the next one.
type LineReader struct {
	split *splitter
	kind  LineKind
	place Place
	zone  *time.Location
	last  time.Time
}

// NewLineReader reads r. Times without a zone are those of the node's; of syslog, which has no
// year, the year is that which brings the time nearest to the file's.
func NewLineReader(r io.Reader, kind LineKind, place Place) *LineReader {
	l := &LineReader{kind: kind, place: place, zone: place.Zone}
	if l.zone == nil {
		l.zone = time.UTC
	}
	starts := syslogStart
	if kind == AlertLog {
		starts = func([]byte) bool { return true }
	}
	l.split = newSplitter(r, starts, func([]byte) (int, bool) { return 0, false })
	return l
}

// Next is the next record, as that of a Reader.
func (l *LineReader) Next() (Record, error) {
	p, err := l.split.next()
	if err != nil {
		return Record{}, err
	}
	rec := Record{Text: p.text, Offset: p.offset, Time: l.last}
	if !p.head {
		return rec, nil
	}
	t, ok := l.timeOf(p.text)
	if l.kind == AlertLog {
		rec.Head = ok // a line without a time is the file's heading, or goes on in a text
	} else {
		rec.Head, rec.Odd = true, !ok
	}
	if ok {
		rec.Time, l.last = t, t
	}
	return rec, nil
}

// syslogStart: Nov 28 21:31:27 host …
func syslogStart(b []byte) bool {
	return len(b) >= 16 && b[3] == ' ' && b[6] == ' ' && b[9] == ':' && b[12] == ':' && b[15] == ' ' && b[0] >= 'A' && b[0] <= 'Z'
}

func (l *LineReader) timeOf(line []byte) (time.Time, bool) {
	if l.kind == AlertLog {
		return l.csvTime(line)
	}
	if l.kind == Application {
		if t, ok := embedded(line); ok {
			return t, true
		}
	}
	return l.syslogTime(line)
}

// syslogTime dates the stamp at a line's beginning.
func (l *LineReader) syslogTime(line []byte) (time.Time, bool) {
	ref := l.place.Modified
	if ref.IsZero() {
		ref = l.place.First
	}
	if ref.IsZero() || !evidence.Believable(ref) {
		return time.Time{}, false
	}
	t, err := time.Parse("2006 Jan _2 15:04:05", strconv.Itoa(ref.In(l.zone).Year())+" "+string(line[:15]))
	if err != nil {
		return time.Time{}, false
	}
	if t.After(ref.Add(26 * time.Hour)) { // written before the year changed
		t = t.AddDate(-1, 0, 0)
	}
	all := readings(t, l.zone)
	for _, at := range all { // of an hour that comes twice, the first that goes on
		if !at.Before(l.last.Add(-time.Minute)) {
			return evidence.BoundedTime(at.UTC()), true
		}
	}
	return evidence.BoundedTime(all[len(all)-1].UTC()), true
}

// embedded is the stamp that CiscoLog puts into a line: …: Jul 02 2015 06:22:31.123 UTC : %UC_…
func embedded(line []byte) (time.Time, bool) {
	head, _, ok := bytes.Cut(line, []byte(" UTC :"))
	if !ok || len(head) < 20 || len(head) > 400 {
		return time.Time{}, false
	}
	for _, n := range []int{24, 20} {
		if len(head) < n {
			continue
		}
		if t, err := time.Parse("Jan 02 2006 15:04:05.999", string(head[len(head)-n:])); err == nil && evidence.Believable(t) {
			return t, true
		}
	}
	return time.Time{}, false
}

// csvTime is that of an AlertLog's first column: milliseconds or seconds since 1970, or as
// people write it.
func (l *LineReader) csvTime(line []byte) (time.Time, bool) {
	first, _, ok := bytes.Cut(line, []byte(","))
	if !ok || len(first) > 60 {
		return time.Time{}, false
	}
	s := string(bytes.Trim(bytes.TrimSpace(first), `"`))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		t := time.Unix(n, 0).UTC()
		if len(s) >= 12 {
			t = time.UnixMilli(n).UTC()
		}
		return t, evidence.Believable(t) && n > 1e8
	}
	for _, layout := range []string{"01/02/2006 15:04:05", "01/02/2006 15:04:05.000", "2006-01-02 15:04:05", "Mon Jan _2 15:04:05 2006", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, l.zone); err == nil && evidence.Believable(t) {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
