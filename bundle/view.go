package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// alertLines is the most alerts that README.txt and Describe list one by one.
const alertLines = 20

// margin is what is worth having of other traces around the window.
const margin = 5 * time.Minute

// A view is what the templates ask a manifest for.
type view struct {
	evidence.Manifest
	human.Clock
}

// newView is of a manifest in a zone; nil is UTC.
func newView(m evidence.Manifest, zone *time.Location) view {
	return view{m, human.Clock{Zone: zone, Near: m.Asked.Since.Add(m.Asked.Length() / 2)}}
}

// SayAll is Say of each.
func (v view) SayAll(list []string) (said []string) {
	for _, s := range list {
		said = append(said, v.Say(s))
	}
	return said
}

// When is a time in a table, a dash where there is none.
func (v view) When(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return v.Short(*t)
}

// Folder is the name of the bundle's folder.
func (v view) Folder() string { return Name(v.Manifest) }

// File is the stem of the bundle's file.
func (v view) File() string { return FileName(v.Manifest) }

// Earliest is the alert that began it, nil if there is none.
func (v view) Earliest() *evidence.Alert {
	if len(v.Alerts) == 0 {
		return nil
	}
	a := slices.MinFunc(v.Alerts, func(a, b evidence.Alert) int { return a.Time.Compare(b.Time) })
	return &a
}

// FirstAlerts are the alerts that are listed one by one.
func (v view) FirstAlerts() []evidence.Alert {
	sorted := slices.SortedStableFunc(slices.Values(v.Alerts), func(a, b evidence.Alert) int { return a.Time.Compare(b.Time) })
	return sorted[:min(len(sorted), alertLines)]
}

// AlertsLeft is how many are not.
func (v view) AlertsLeft() int { return max(0, len(v.Alerts)-alertLines) }

// AlertLine is an alert in a line.
func (v view) AlertLine(a evidence.Alert) string {
	s := fmt.Sprintf("%s: %s, node %s, cluster %s", v.At(a.Time), orUnknown(a.Name), orUnknown(a.Node), orUnknown(a.Cluster))
	if a.Count != nil {
		s += fmt.Sprintf(", counter at %d", *a.Count)
	}
	if len(a.Devices) > 0 {
		s += ", devices " + printable(strings.Join(a.Devices, " "))
	}
	s += ", time from " + orUnknown(cmp.Or(a.From["time"], a.TimeFrom))
	if !a.IsMail() {
		s += ", by " + printable(a.Way())
	}
	if a.Truncated {
		s += ", mail cut off at 1 MiB"
	}
	return s
}

// Rise is by how much the counter rose, as far as the alert knows; "" if it does not.
func (v view) Rise(a evidence.Alert) string {
	if a.Count == nil || a.Was == nil {
		return ""
	}
	return fmt.Sprintf("from %d to %d", *a.Was, *a.Count)
}

// OtherWays are those in which alerts came that were no mails; "" if there are none.
func (v view) OtherWays() string {
	var ways []string
	for _, a := range v.Alerts {
		ways = append(ways, strings.TrimSpace(cmp.Or(waysOf[a.Source], a.Source)))
	}
	return list(once(ways))
}

// waysOf are the ways of alerts of several nodes.
var waysOf = map[string]string{evidence.SourcePoll: "PerfMon polls"}

// Credentials is how many were counted on all hosts.
func (v view) Credentials() (n int64) {
	for _, h := range v.Hosts {
		n += h.Credentials
	}
	return n
}

// AllBodies reports whether every host logged the bodies of SIP messages.
func (v view) AllBodies() bool {
	return len(v.Hosts) > 0 && !slices.ContainsFunc(v.Hosts, func(h evidence.Host) bool { return h.BodiesLogged != "yes" })
}

// AllClocks reports whether every host's clock was measured.
func (v view) AllClocks() bool {
	return !slices.ContainsFunc(v.Hosts, func(h evidence.Host) bool { return h.ClockOffsetMS == nil })
}

// MissingSpan is a missing part: when, how long, why.
func (v view) MissingSpan(s evidence.Span) string {
	return fmt.Sprintf("missing %s, %s: %s", v.Span(s.Since, s.Until), human.Exactly(s.Until.Sub(s.Since)), printable(s.Reason))
}

// byName puts reasons in another order.
func byName(list []reason) []reason {
	return slices.SortedFunc(slices.Values(list), func(a, b reason) int { return strings.Compare(a.Reason, b.Reason) })
}

// Around is the time for which other traces are worth having.
func (v view) Around() string { return v.Span(v.Asked.Since.Add(-margin), v.Asked.Until.Add(margin)) }

// Nodes are the nodes that alerts name.
func (v view) Nodes() (nodes []string) {
	for _, a := range v.Alerts {
		nodes = append(nodes, a.Node)
	}
	return once(nodes)
}

// once are the words of a list without the empty ones and those that came before.
func once(words []string) []string {
	seen := map[string]bool{"": true}
	return slices.DeleteFunc(words, func(w string) bool {
		was := seen[w]
		seen[w] = true
		return was
	})
}

// Phones are those that somebody or an alert named, and those of the report that may be partial.
func (v view) Phones() []string {
	names := slices.Clone(v.PhonesNamed)
	for _, a := range v.Alerts {
		names = append(names, a.Devices...)
	}
	if v.Registration != nil {
		names = append(names, suspects(v.Registration)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxSuspects is how many phones of a report README.txt asks for the problem report of.
const maxSuspects = 10

// suspects are the phones without all their lines, of this bundle and of earlier ones.
func suspects(reg *evidence.Registration) (names []string) {
	for _, p := range reg.Phones {
		if p.Verdict == "partial" || p.Verdict == "came_back_by_keepalive" {
			names = append(names, p.Device)
		}
	}
	for _, b := range reg.Before {
		names = append(names, b.Device)
	}
	return names[:min(len(names), maxSuspects)]
}

// Reached says of each host what is unusual about how it was reached.
func (v view) Reached() (lines []string) {
	for _, h := range v.Hosts {
		for _, s := range reached(h) {
			lines = append(lines, printable(h.Host)+": "+s)
		}
	}
	return lines
}

// A step of a grab: when the first one was, how long after it the others.
type step struct{ Name, When string }

// Steps are those that happened.
func (v view) Steps() (steps []step) {
	t := v.Timing
	var first time.Time
	for _, s := range []struct {
		name string
		at   time.Time
	}{
		{"alert", t.Alert}, {"mail", t.Mail}, {"seen", t.Seen}, {"started", t.Claimed}, {"files open", t.Held}, {"copied", t.Copied}, {"sealed", t.Sealed},
	} {
		switch {
		case s.at.IsZero():
		case first.IsZero():
			first = s.at
			steps = append(steps, step{s.name, v.At(s.at)})
		default:
			steps = append(steps, step{s.name, after(s.at.Sub(first))})
		}
	}
	return steps
}

// after is how long after something else a thing was, or before it, by the clocks of two machines.
func after(d time.Duration) string {
	if d < 0 {
		return human.Exactly(-d) + " earlier"
	}
	return human.Exactly(d) + " later"
}

// reached says what is unusual about how a host was reached.
func reached(h evidence.Host) (lines []string) {
	if h.Transport == evidence.TransportCommands {
		lines = append(lines, "read by commands over SSH, because the host refuses SFTP")
	}
	if len(h.Via) > 0 {
		lines = append(lines, "reached through "+list(h.Via))
	}
	if len(h.Legacy) > 0 {
		lines = append(lines, "legacy algorithms in use: "+list(h.Legacy))
	}
	return lines
}

func hostTitle(h evidence.Host) string {
	var where []string
	if h.Role != "" {
		where = append(where, "Expressway-"+printable(h.Role))
	}
	if h.Address != "" {
		where = append(where, printable(h.Address))
	}
	s := printable(h.Host)
	if len(where) > 0 {
		s += " (" + strings.Join(where, ", ") + ")"
	}
	return s + ": " + orUnknown(h.Coverage)
}

func clockLine(h evidence.Host) string {
	name := printable(h.Host)
	if h.ClockOffsetMS == nil {
		return name + ": not measured"
	}
	ms := *h.ClockOffsetMS
	d := human.Exactly(time.Duration(ms) * time.Millisecond)
	switch {
	case ms < 0:
		return fmt.Sprintf("%s: %s behind the collector, measured (%s)", name, strings.TrimPrefix(d, "-"), orUnknown(h.ClockFrom))
	case ms > 0:
		return fmt.Sprintf("%s: %s ahead of the collector, measured (%s)", name, d, orUnknown(h.ClockFrom))
	}
	return fmt.Sprintf("%s: the same as the collector's, measured (%s)", name, orUnknown(h.ClockFrom))
}
