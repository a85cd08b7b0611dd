// Package human writes numbers, sizes and times as people read them.
//
// Nothing that it writes is meant for a program.
package human

import (
	"fmt"
	"strings"
	"time"
)

// Plural is "1 phone" or "2 phones".
func Plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// Dash is s, or a dash in its place.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Size is a number of bytes: "12 bytes", "1.5 KiB".
func Size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	const units = "KMG"
	f, u := float64(n)/(1<<10), 0
	for f >= 1<<10 && u < len(units)-1 {
		f, u = f/(1<<10), u+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[u])
}

// ShortSize is Size for a column of a table: "12 B".
func ShortSize(n int64) string { return strings.Replace(Size(n), " bytes", " B", 1) }

// Ago is an age: "20 min ago", "3 days ago".
func Ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < 2*time.Hour:
		return Span(d) + " ago"
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// Span is a duration by its two largest units: "1d4h", or "30 days", "20 min", "0.4 s"
// where one says it all.
func Span(d time.Duration) string {
	if d >= time.Millisecond && d < 50*time.Millisecond {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d.Abs() < 10*time.Second {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	}
	if d < 0 {
		return "-" + Span(d.Abs()) // the least has no opposite
	}
	d = d.Round(time.Second)
	units := []struct {
		letter, name string
		d            time.Duration
	}{{"d", "day", 24 * time.Hour}, {"h", "h", time.Hour}, {"m", "min", time.Minute}, {"s", "s", time.Second}}
	for i, u := range units {
		n := int(d / u.d)
		switch {
		case n == 0:
			continue
		case i+1 < len(units) && d%u.d >= units[i+1].d:
			return fmt.Sprintf("%d%s%d%s", n, u.letter, d%u.d/units[i+1].d, units[i+1].letter)
		case u.name == "day":
			return Plural(n, u.name)
		}
		return fmt.Sprintf("%d %s", n, u.name)
	}
	return "0 s"
}

// Seconds is a duration in whole seconds: "1h0m3s".
func Seconds(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	return short(d.Round(time.Second))
}

// Exactly is a duration to the millisecond: "1h0m3.25s", or "20 min", "3.25 s", "141 ms" where
// one unit says it all.
func Exactly(d time.Duration) string {
	d = d.Round(time.Millisecond)
	switch s := short(d); {
	case d.Abs() < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d.Abs() < time.Minute:
		return strings.TrimSuffix(s, "s") + " s"
	case d%time.Hour == 0:
		return strings.TrimSuffix(s, "h") + " h"
	case d.Abs() < time.Hour && d%time.Minute == 0:
		return strings.TrimSuffix(s, "m") + " min"
	default:
		return s
	}
}

// short leaves out the zeros at the end of "1h0m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
