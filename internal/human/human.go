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

// Ago words an age.
func Ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < 2*time.Hour:
		return d.Round(time.Second).String() + " ago"
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// Span words a duration by its two largest units: "1d4h".
func Span(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	d = d.Round(time.Second)
	units := []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.d {
			continue
		}
		text := fmt.Sprintf("%d%s", d/u.d, u.name)
		if i+1 < len(units) && d%u.d >= units[i+1].d {
			text += fmt.Sprintf("%d%s", d%u.d/units[i+1].d, units[i+1].name)
		}
		return text
	}
	return "0s"
}

// Seconds is a duration in whole seconds: "1h0m3s".
func Seconds(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	return d.Round(time.Second).String()
}

// Millis is a duration with at most three figures behind the point: "1h0m3.25s".
func Millis(d time.Duration) string { return d.Round(time.Millisecond).String() }

// Window is a stretch of time in a zone, without the zone's name; the day is said again
// only where it is another one.
func Window(since, until time.Time, zone *time.Location) string {
	since, until = since.In(zone), until.In(zone)
	end := until.Format(time.DateTime)
	if since.Format(time.DateOnly) == until.Format(time.DateOnly) {
		end = until.Format(time.TimeOnly)
	}
	return since.Format(time.DateTime) + " to " + end
}

// ZoneName is how a zone is called at a time: "EST".
func ZoneName(t time.Time, zone *time.Location) string {
	name, _ := t.In(zone).Zone()
	return name
}
