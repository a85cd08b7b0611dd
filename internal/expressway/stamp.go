package expressway

import (
	"bytes"
	"time"

	"rtmtgrab/internal/evidence"
)

// Ref is what a record without a full date is dated by: syslog's form has
// neither a year nor a zone. The zero value is UTC and the current year.
type Ref struct {
	MTime time.Time      // of the file
	Zone  *time.Location // of the appliance
}

// HeadTime tells whether a line starts a record, and when that record was made:
// UTCTime if the line has one, else the time in front. A time that is not
// evidence.Believable, or farther from UTC than a zone can be, is none: such a line
// belongs to the record before it. It reads the ISO form
// `2006-01-02T15:04:05.000-05:00 ` with or without a fraction, and syslog's
// `Jan _2 15:04:05 host`, which is dated by ref. The result is UTC.
func HeadTime(line []byte, ref Ref) (time.Time, bool) {
	t, ok := isoTime(line)
	if !ok {
		t, ok = syslogTime(line, ref)
	}
	if !ok {
		return time.Time{}, false
	}
	if u, ok := utcTime(line); ok {
		return u, true
	}
	return t, true
}

// isoTime reads the form of the appliance's own logs, 2026-03-02T09:14:07.512-05:00
// and a blank.
func isoTime(b []byte) (time.Time, bool) {
	if len(b) < 26 || b[10] != 'T' {
		return time.Time{}, false
	}
	t, i, ok := isoClock(b)
	if !ok || len(b) < i+7 || b[i+6] != ' ' {
		return time.Time{}, false
	}
	off, n := zoneOffset(b[i:])
	t = t.Add(-off)
	return t, n == 6 && evidence.Believable(t)
}

// isoClock reads 2026-03-02T09:14:07 and a fraction, as if it were UTC; n is how long
// that is.
func isoClock(b []byte) (t time.Time, n int, ok bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[10] != 'T' {
		return t, 0, false
	}
	day, ok := clock(b[11:])
	y, m, d := num(b[0:4]), num(b[5:7]), num(b[8:10])
	if !ok || y < 0 || !validDay(y, m, d) {
		return t, 0, false
	}
	nanos, n := decimals(b, 19)
	return utcDay(y, m, d).Add(day + time.Duration(nanos)), n, true
}

// decimals reads a point and digits at b[i:], as nanoseconds; n is what follows them,
// or i.
func decimals(b []byte, i int) (nanos, n int) {
	if i >= len(b) || b[i] != '.' {
		return 0, i
	}
	for n = i + 1; n < len(b) && isDigit(b[n]); n++ {
	}
	if n == i+1 {
		return 0, i
	}
	return fraction(b[i+1 : n]), n
}

// zoneOffset reads Z, -05:00 or -0500; n is how long that is, 0: it is none of them.
func zoneOffset(b []byte) (off time.Duration, n int) {
	switch {
	case len(b) > 0 && b[0] == 'Z':
		return 0, 1
	case len(b) < 5 || b[0] != '+' && b[0] != '-':
		return 0, 0
	}
	n = 3
	if b[3] == ':' {
		n = 4
	}
	if len(b) < n+2 {
		return 0, 0
	}
	h, m := num(b[1:3]), num(b[n:n+2])
	off = time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if h < 0 || m < 0 || m > 59 || off > evidence.MaxOffset {
		return 0, 0
	}
	if b[0] == '-' {
		off = -off
	}
	return off, n + 2
}

var utcKey = []byte(`UTCTime="`)

// utcTime reads UTCTime="2026-03-02 14:14:07,511". The fraction counts
// milliseconds and is not always padded ("17:46:20,92"); it may be missing.
func utcTime(line []byte) (time.Time, bool) {
	i := bytes.Index(line, utcKey)
	if i < 0 {
		return time.Time{}, false
	}
	b := line[i+len(utcKey):]
	if len(b) < 20 || b[4] != '-' || b[7] != '-' || b[10] != ' ' {
		return time.Time{}, false
	}
	y, m, d := num(b[0:4]), num(b[5:7]), num(b[8:10])
	day, ok := clock(b[11:])
	if !ok || y < 0 || !validDay(y, m, d) {
		return time.Time{}, false
	}
	nanos, i := 0, 19
	if b[i] == ',' || b[i] == '.' {
		n := 1
		for i+n < len(b) && isDigit(b[i+n]) {
			n++
		}
		if frac := b[i+1 : i+n]; len(frac) <= 3 {
			nanos = max(num(frac), 0) * int(time.Millisecond)
		} else {
			nanos = fraction(frac)
		}
		i += n
	}
	if i >= len(b) || b[i] != '"' {
		return time.Time{}, false
	}
	t := utcDay(y, m, d).Add(day + time.Duration(nanos))
	return t, evidence.Believable(t)
}

// clock reads 15:04:05 as the time since midnight.
func clock(b []byte) (time.Duration, bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, false
	}
	h, m, s := num(b[0:2]), num(b[3:5]), num(b[6:8])
	if h < 0 || m < 0 || s < 0 || h > 23 || m > 59 || s > 60 {
		return 0, false
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second, true
}

func validDay(y, m, d int) bool {
	return m >= 1 && m <= 12 && d >= 1 && d <= 31 && y >= 1 &&
		(d <= 28 || time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Day() == d)
}

// utcDay is the beginning of a valid day in UTC. It is time.Date for that case, which
// is asked for with every record, and cheaper.
func utcDay(y, m, d int) time.Time {
	if m < 3 { // years from March on have their leap day last
		y, m = y-1, m+12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*m-457)/5 + d - 719469
	return time.Unix(int64(days)*86400, 0).UTC()
}

// num reads decimal digits; -1 is anything else.
func num(b []byte) int {
	if len(b) == 2 { // most often
		tens, ones := b[0]-'0', b[1]-'0'
		if tens > 9 || ones > 9 {
			return -1
		}
		return int(tens)*10 + int(ones)
	}
	if len(b) == 0 || len(b) > 9 {
		return -1
	}
	n := 0
	for _, c := range b {
		if !isDigit(c) {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// fraction reads the digits after a decimal point as nanoseconds.
func fraction(b []byte) int {
	n := 0
	for i := range 9 {
		n *= 10
		if i < len(b) {
			n += int(b[i] - '0')
		}
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
