package registration

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// span is from where to where the logs go, by the collector's clock.
func (l *logs) span() (begin, end int64) {
	role := ""
	if len(l.ofRole("C")) > 0 {
		role = "C"
	}
	all := int64(0)
	for i, s := range l.scans {
		if s.first.IsZero() {
			continue
		}
		var offset time.Duration
		if o := l.sources[i].ClockOffset; o != nil {
			offset = *o
		}
		if at := s.first.Add(-offset).UnixNano(); begin == 0 || at < begin {
			begin = at
		}
		last := s.last.Add(-offset).UnixNano()
		all = max(all, last)
		if role == "" || l.isOf(i, role) {
			end = max(end, last)
		}
	}
	if end == 0 {
		end = all // of the peers of that role no record was kept
	}
	if !l.Window.Empty() {
		begin = l.Window.Since.UnixNano()
	}
	return begin, end
}

// isOf reports whether a source is of a host of that role.
func (l *logs) isOf(source int, role string) bool {
	return slices.ContainsFunc(l.ofRole(role), func(h *host) bool { return slices.Contains(h.sources, source) })
}

// covered reports whether every log of the Expressway-Cs covers a span, both ends
// included, and no C is known of which there is no log. Unknown coverage is none.
func (l *logs) covered(from, to int64) bool {
	w := l.Window
	if end := w.Until.UnixNano(); !w.Empty() { // records up to 5 s after it come along
		from, to = min(from, end), min(to, end)
	}
	since, until := time.Unix(0, from), time.Unix(0, to)
	if len(l.strangers["C"]) > 0 || w.Empty() || since.Before(w.Since) || until.After(w.Until) || len(l.Peers) > 0 {
		return false
	}
	some := false
	for _, h := range l.hosts {
		if h.role == "" {
			return false
		}
		if h.role != "C" {
			continue
		}
		log := false
		for _, i := range h.sources {
			src := &l.sources[i]
			if !src.showsSIP() {
				continue
			}
			if !src.Complete && len(src.Missing) == 0 || l.broken(i) || overlaps(src.Missing, since, until) {
				return false
			}
			log = true
		}
		if !log {
			return false
		}
		some = true
	}
	return some
}

// broken reports whether a source was not read whole.
func (l *logs) broken(source int) bool {
	return l.scans[source].err != nil || l.scans[source].dropped > 0
}

// missing is the first stretch that the logs of a role are known to lack between two
// times; nil: none is known of. A log of which nothing is there at all has no hole: it
// is as if its host were not known.
func (l *logs) missing(role string, from, to int64) *evidence.Span {
	since, until := time.Unix(0, from), time.Unix(0, to)
	for _, h := range l.ofRole(role) {
		for _, i := range h.sources {
			src := &l.sources[i]
			if !src.showsSIP() || l.scans[i].records == 0 {
				continue
			}
			for _, m := range src.Missing {
				if !m.Since.After(until) && m.Until.After(since) {
					return &m
				}
			}
			if s := l.scans[i]; s.err != nil && s.last.UnixNano() < to {
				return &evidence.Span{Since: s.last, Until: until, Reason: evidence.ReasonRead}
			}
		}
	}
	return nil
}

func overlaps(missing []evidence.Span, since, until time.Time) bool {
	return slices.ContainsFunc(missing, func(s evidence.Span) bool { return !s.Since.After(until) && s.Until.After(since) })
}

// recordsBegin is the time of the first record.
func (l *logs) recordsBegin() int64 {
	var from int64
	for _, s := range l.scans {
		if at := s.first.UnixNano(); !s.first.IsZero() && (from == 0 || at < from) {
			from = at
		}
	}
	return from
}
