package status

import (
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/human"
)

// What a monitoring plugin exits with, by the Monitoring Plugins Development Guidelines.
const (
	PluginOK       = 0
	PluginWarning  = 1
	PluginCritical = 2
	PluginUnknown  = 3
)

// Plugin is the report as a plugin for Nagios and its kin tells it: an exit status and lines
// of text, the first with performance data. Critical: an alert now would lose something, or
// alerts came that belong to no site. Warning: any other problem.
func Plugin(r Report) (exit int, text string) {
	exit, sum := PluginOK, "an alert would work now"
	switch {
	case !r.Works:
		exit, sum = PluginCritical, "an alert would not work now"
	case slices.ContainsFunc(r.Problems, func(p Problem) bool { return strings.HasPrefix(p.Key, "unrouted") }):
		exit, sum = PluginCritical, "alerts came that belong to no site"
	case len(r.Problems) > 0:
		exit = PluginWarning
	}
	if n := len(r.Problems); n > 0 {
		sum += ", " + human.Plural(n, "problem") + ": " + r.Problems[0].What
	}
	lines := []string{PluginLine(exit, sum) + " | " + performance(r)}
	for _, s := range r.Sites {
		if !s.Works {
			lines = append(lines, oneLine("site "+s.Site+": "+s.Why))
		}
	}
	for _, p := range r.Problems {
		line := p.Key + ": " + p.What
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		lines = append(lines, oneLine(line))
	}
	return exit, strings.Join(lines, "\n") + "\n"
}

// performance is what a monitoring system draws: label=value;warn;crit;min;max.
func performance(r Report) string {
	working, blocking := 0, 0
	for _, s := range r.Sites {
		if s.Works {
			working++
		}
	}
	for _, p := range r.Problems {
		if p.Blocks {
			blocking++
		}
	}
	return fmt.Sprintf("problems=%d;0 blocking=%d;;0 sites_working=%d;;;0;%d open_incidents=%d unrouted=%d disk_free=%dB;%d:",
		len(r.Problems), blocking, working, len(r.Sites), len(r.Incidents), len(r.Unrouted), r.Disk.FreeBytes, r.Disk.ReserveBytes)
}

// PluginLine is the first line of a plugin that exits so.
func PluginLine(exit int, what string) string {
	word := []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[min(max(exit, 0), PluginUnknown)]
	return "GRAB " + word + " - " + oneLine(what)
}

// oneLine is text that cannot end the line or begin performance data.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '|':
			return '/'
		case r < ' ' || r == 0x7f:
			return ' '
		}
		return r
	}, s)
}
