// Package human writes numbers, sizes and times as people read them.
//
// Nothing that it writes is meant for a program.
package human

import (
	"fmt"
	"time"
)

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

func ZoneName(t time.Time, zone *time.Location) string {
	name, _ := t.In(zone).Zone()
	return name
}

func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Size prints bytes for people.
func Size(n int64) string {
	switch f := float64(n); {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", f/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", f/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", f/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
