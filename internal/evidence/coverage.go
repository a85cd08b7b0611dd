package evidence

import (
	"slices"
	"time"
)

// Coverage says how much of what was asked for was got.
type Coverage string

// The three verdicts. A part without records whose ends are proven is complete, unless it
// always has some.
const (
	Complete Coverage = "complete"
	Partial  Coverage = "partial"
	Lost     Coverage = "lost"
)

// Sum is the verdict over parts: complete if all are, lost if all are, otherwise
// partial. Nothing at all is lost.
func Sum(parts ...Coverage) Coverage {
	if len(parts) == 0 {
		return Lost
	}
	for _, p := range parts[1:] {
		if p != parts[0] {
			return Partial
		}
	}
	return parts[0]
}

// Judge is the verdict on one window of which the given spans are missing. What is silent
// was read: it is not lost.
func Judge(w Window, missing []Span) Coverage {
	left := w.Length()
	for _, s := range Merge(w, missing) {
		if s.Reason != ReasonSilent {
			left -= s.Until.Sub(s.Since)
		}
	}
	switch {
	case len(missing) == 0:
		return Complete
	case left <= 0:
		return Lost
	default:
		return Partial
	}
}

// Merge clips spans to the window, sorts them and joins those that touch; the
// reason of the earlier one stays. Empty spans are dropped.
func Merge(w Window, spans []Span) []Span {
	var in []Span
	for _, s := range spans {
		s.Since, s.Until = Later(s.Since, w.Since), Earlier(s.Until, w.Until)
		if s.Since.Before(s.Until) {
			in = append(in, s)
		}
	}
	slices.SortStableFunc(in, func(a, b Span) int { return a.Since.Compare(b.Since) })
	out := []Span{}
	for _, s := range in {
		if n := len(out); n > 0 && !s.Since.After(out[n-1].Until) && (s.Reason == out[n-1].Reason || !s.Until.After(out[n-1].Until)) {
			out[n-1].Until = Later(out[n-1].Until, s.Until)
			continue
		}
		if n := len(out); n > 0 && s.Since.Before(out[n-1].Until) {
			s.Since = out[n-1].Until
		}
		out = append(out, s)
	}
	return out
}

// Lacking is the row of a host of which nothing could be got, for one reason.
func Lacking(h Host, families []string, w Window, reason string) Host {
	h.Files = nil
	for _, f := range families {
		h.Files = append(h.Files, File{Family: f, Coverage: Lost, Missing: []Span{{w.Since, w.Until, reason}}, Sources: []Source{}})
	}
	h.Coverage = Lost
	if h.BodiesLogged == "" {
		h.BodiesLogged = "unknown"
	}
	return h
}

// Conclude sets the host's coverage from its files'.
func (h *Host) Conclude() {
	var parts []Coverage
	for _, f := range h.Files {
		parts = append(parts, f.Coverage)
	}
	h.Coverage = Sum(parts...)
}

// Conclude sets the manifest's coverage from its hosts' and makes its lists
// non-nil, so that JSON never says null where a list is promised.
func (m *Manifest) Conclude() {
	var parts []Coverage
	for i := range m.Hosts {
		h := &m.Hosts[i]
		parts = append(parts, h.Coverage)
		for j := range h.Files {
			h.Files[j].Missing = list(h.Files[j].Missing)
			h.Files[j].Sources = list(h.Files[j].Sources)
		}
		h.Files = list(h.Files)
	}
	for i := range m.Alerts {
		m.Alerts[i].Devices = list(m.Alerts[i].Devices)
	}
	m.Coverage = Sum(parts...)
	m.Hosts, m.Alerts, m.Notes, m.PhonesNamed = list(m.Hosts), list(m.Alerts), list(m.Notes), list(m.PhonesNamed)
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Earlier is the earlier of two times.
func Earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
