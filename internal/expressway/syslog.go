package expressway

import (
	"bytes"
	"time"
)

// headTime is HeadTime for what RecordReader takes for a head: also a record behind
// a syslog header, as in `<134>1 2026-03-02T14:14:07.975Z host …`, `<134>Mar  2
// 14:14:07 host …` or `Mar  2 14:14:07 relay 2026-03-02T09:14:07.975-05:00 host …`.
func headTime(line []byte, ref Ref) (time.Time, bool) {
	if _, ok := isoTime(line); ok { // the ordinary case
		if t, ok := utcTime(line); ok {
			return t, true
		}
	}
	b := within(line, ref)
	if b == nil {
		return time.Time{}, false
	}
	if t, ok := utcTime(b); ok {
		return t, true
	}
	if t, ok := isoTime(b); ok {
		return t, true
	}
	if t, ok := zuluTime(b); ok {
		return t, true
	}
	return syslogTime(b, ref)
}

// isHead reports whether headTime has a time for the line.
func isHead(line []byte, ref Ref) bool {
	b := cutPriority(line)
	return stampSize(b, ref) > 0
}

// within returns the record of a line that starts one, from its own time on: of
// the times in the header the last is the appliance's. Nil: it starts none.
func within(line []byte, ref Ref) []byte {
	b := cutPriority(line)
	n := stampSize(b, ref)
	if n == 0 {
		return nil
	}
	for rest, word := b[n:], 0; word < 6; word++ { // a header of RFC 5424 has five words after the time
		i := bytes.IndexByte(rest, ' ')
		if i < 0 || bytes.IndexByte(rest[:i], '=') >= 0 {
			break
		}
		rest = rest[i+1:]
		if p := cutPriority(rest); stampSize(p, ref) > 0 {
			return within(p, ref)
		}
	}
	return b
}

// cutPriority cuts `<134>` and the version of RFC 5424 after it.
func cutPriority(b []byte) []byte {
	if len(b) == 0 || b[0] != '<' {
		return b
	}
	i := bytes.IndexByte(b[:min(len(b), 6)], '>')
	if i < 2 || num(b[1:i]) < 0 {
		return b
	}
	return bytes.TrimPrefix(b[i+1:], []byte("1 "))
}

// zuluTime reads 2026-03-02T14:14:07.975Z and a blank.
func zuluTime(b []byte) (time.Time, bool) {
	if len(b) < 21 || b[10] != 'T' {
		return time.Time{}, false
	}
	i := 19
	if b[i] == '.' {
		for i++; i < len(b) && i < 29 && isDigit(b[i]); i++ {
		}
	}
	if i+1 >= len(b) || b[i] != 'Z' || b[i+1] != ' ' {
		return time.Time{}, false
	}
	var full [40]byte
	return isoTime(append(append(full[:0], b[:i]...), "+00:00 "...))
}

// stampSize is the length of the time that b begins with, its blank included, or 0.
func stampSize(b []byte, ref Ref) int {
	_, ok := isoTime(b)
	if !ok {
		_, ok = zuluTime(b)
	}
	if ok {
		return bytes.IndexByte(b, ' ') + 1
	}
	if _, ok := syslogTime(b, ref); ok {
		return 16
	}
	return 0
}
