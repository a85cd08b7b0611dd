package expressway

import (
	"bytes"
	"time"

	"rtmtgrab/internal/evidence"
)

// syslogTime reads `Jun 17 23:56:04 host`, the form without a year.
func syslogTime(b []byte, ref Ref) (time.Time, bool) {
	if len(b) < 17 || b[6] != ' ' || b[15] != ' ' {
		return time.Time{}, false
	}
	t, n := bsdStamp(b, ref)
	return t, n == 16
}

var monthNames = []byte("JanFebMarAprMayJunJulAugSepOctNovDec")

// bsdStamp reads `Jun 17 23:56:04 host`, also `Jun 7 …`, with a year before the clock
// (`Mar  2 2026 14:14:07`) and with a fraction; n is the length with the blank, 0: it
// is none. A year that is missing is the one that brings the time nearest to the
// file's mtime.
func bsdStamp(b []byte, ref Ref) (t time.Time, n int) {
	if len(b) < 16 || b[3] != ' ' {
		return t, 0
	}
	m := bytes.Index(monthNames, b[:3])
	if m < 0 || m%3 != 0 {
		return t, 0
	}
	i := 4
	if b[4] == ' ' {
		i = 5
	}
	end := i + 1
	if isDigit(b[end]) {
		end++
	}
	d := num(b[i:end])
	if d < 1 || d > 31 || b[end] != ' ' {
		return t, 0
	}
	i, y := end+1, 0
	if len(b) > i+5 && b[i+4] == ' ' {
		if y = num(b[i : i+4]); y < 1 {
			return t, 0
		}
		i += 5
	}
	day, ok := clock(b[i:])
	if !ok {
		return t, 0
	}
	nanos, i := decimals(b, i+8)
	if i+1 >= len(b) || b[i] != ' ' || b[i+1] < ' ' || b[i+1] == 0x7f {
		return t, 0
	}
	if t, ok = dated(y, m/3+1, d, day, ref); !ok || !evidence.Believable(t) {
		return t, 0
	}
	return t.Add(time.Duration(nanos)), i + 1
}

// dated is a time of the day of ref's zone; in year 0 the year is the nearest to
// ref's.
func dated(y, m, d int, day time.Duration, ref Ref) (time.Time, bool) {
	near, zone := ref.MTime, ref.Zone
	if !evidence.Believable(near) {
		near = time.Now()
	}
	if zone == nil {
		zone = time.UTC
	}
	from, to := y, y
	if y == 0 {
		from, to = near.Year()-1, near.Year()+1
	}
	var best time.Time
	for y := from; y <= to; y++ {
		t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, zone)
		t = time.Date(t.Year(), t.Month(), t.Day(), int(day/time.Hour), int(day/time.Minute)%60, int(day/time.Second)%60, 0, zone)
		if t.Day() == d && (best.IsZero() || t.Sub(near).Abs() < best.Sub(near).Abs()) {
			best = t
		}
	}
	return best.UTC(), !best.IsZero()
}

// SyslogDated reports whether a line starts a record that names neither a year
// nor a zone.
func SyslogDated(line []byte) bool {
	_, utc := utcTime(line)
	_, ok := syslogTime(line, Ref{MTime: someYear})
	return ok && !utc
}

// Doubled finds the hours of [since, until) that local time in a zone has twice,
// for daylight saving ends: syslog's stamps do not tell them apart.
func Doubled(zone *time.Location, since, until time.Time) (from, to time.Time, ok bool) {
	if zone == nil || until.Sub(since) > 31*24*time.Hour {
		return from, to, false
	}
	const step = 15 * time.Minute
	for t := since.Add(-3 * time.Hour).Truncate(step); t.Before(until.Add(3 * time.Hour)); t = t.Add(step) {
		_, before := t.In(zone).Zone()
		_, after := t.Add(step).In(zone).Zone()
		if back := time.Duration(before-after) * time.Second; back > 0 {
			change := t.Add(step)
			return change.Add(-back), change.Add(back), change.Add(-back).Before(until) && change.Add(back).After(since)
		}
	}
	return from, to, false
}
