package logs

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// span is from where to where the logs go, by the collector's clock.
func (l *Logs) span() (begin, end int64) {
	role := ""
	if len(l.OfRole("C")) > 0 {
		role = "C"
	}
	all := int64(0)
	for i, s := range l.Scans {
		if s.First.IsZero() {
			continue
		}
		var offset time.Duration
		if o := l.Sources[i].ClockOffset; o != nil {
			offset = *o
		}
		if at := evidence.Nanos(s.First.Add(-offset)); begin == 0 || at < begin {
			begin = at
		}
		last := evidence.Nanos(s.Last.Add(-offset))
		all = max(all, last)
		if role == "" || l.isOf(i, role) {
			end = max(end, last)
		}
	}
	if end == 0 {
		end = all // of the peers of that role no record was kept
	}
	if !l.Window.Empty() {
		begin = evidence.Nanos(l.Window.Since)
	}
	return begin, end
}

// Asked is up to when the logs were asked for; without a window that is where they end.
func (l *Logs) Asked() int64 {
	if l.Window.Empty() {
		return l.End
	}
	return evidence.Nanos(l.Window.Until)
}

// LastOf is a host's last record, by the collector's clock as far as its own was measured; 0: none.
func (l *Logs) LastOf(h *Host) int64 {
	var last int64
	for _, i := range h.sources {
		at := l.Scans[i].Last
		if at.IsZero() {
			continue
		}
		if o := l.Sources[i].ClockOffset; o != nil {
			at = at.Add(-*o)
		}
		last = max(last, evidence.Nanos(at))
	}
	return last
}

// isOf reports whether a source is of a host of that role.
func (l *Logs) isOf(source int, role string) bool {
	return slices.ContainsFunc(l.OfRole(role), func(h *Host) bool { return slices.Contains(h.sources, source) })
}

// Covered reports whether every log of the Expressway-Cs covers a span, both ends
// included, and no C is known of which there is no log. Unknown coverage is none.
func (l *Logs) Covered(from, to int64) bool {
	w := l.Window
	if end := evidence.Nanos(w.Until); !w.Empty() { // records up to 5 s after it come along
		from, to = min(from, end), min(to, end)
	}
	since, until := time.Unix(0, from), time.Unix(0, to)
	if len(l.Strangers["C"]) > 0 || w.Empty() || since.Before(w.Since) || until.After(w.Until) || len(l.Peers) > 0 {
		return false
	}
	some := false
	for _, h := range l.Hosts {
		if h.Role == "" {
			return false
		}
		if h.Role != "C" {
			continue
		}
		if !l.whole(h, since, until) {
			return false
		}
		some = true
	}
	return some
}

// Whole reports whether the logs of one host cover a span, both ends included. Unknown coverage
// is none.
func (l *Logs) Whole(host Text, from, to int64) bool {
	w := l.Window
	if !w.Empty() {
		to = min(to, evidence.Nanos(w.Until))
	}
	since, until := time.Unix(0, from), time.Unix(0, to)
	h := l.ByName[host]
	return h != nil && !w.Empty() && !since.Before(w.Since) && l.whole(h, since, until)
}

func (l *Logs) whole(h *Host, since, until time.Time) bool {
	log := false
	for _, i := range h.sources {
		src := &l.Sources[i]
		if !src.ShowsSIP() {
			continue
		}
		if !src.Complete && len(src.Missing) == 0 || l.broken(i) || overlaps(src.Missing, since, until) {
			return false
		}
		log = true
	}
	return log
}

// broken reports whether a source was not read whole.
func (l *Logs) broken(source int) bool {
	return l.Scans[source].Err != nil || l.Scans[source].Dropped > 0
}

// Missing is the first stretch that the logs of a role are known to lack between two
// times; nil: none is known of. A log of which nothing is there at all has no hole: it
// is as if its host were not known.
func (l *Logs) Missing(role string, from, to int64) *evidence.Span {
	since, until := time.Unix(0, from), time.Unix(0, to)
	for _, h := range l.OfRole(role) {
		for _, i := range h.sources {
			src := &l.Sources[i]
			if !src.ShowsSIP() || l.Scans[i].Records == 0 {
				continue
			}
			for _, m := range src.Missing {
				if !m.Since.After(until) && m.Until.After(since) {
					return &m
				}
			}
			if s := l.Scans[i]; s.Err != nil && evidence.Nanos(s.Last) < to {
				return &evidence.Span{Since: s.Last, Until: until, Reason: evidence.ReasonRead}
			}
		}
	}
	return nil
}

func overlaps(missing []evidence.Span, since, until time.Time) bool {
	return slices.ContainsFunc(missing, func(s evidence.Span) bool { return !s.Since.After(until) && s.Until.After(since) })
}

// RecordsBegin is the time of the first record.
func (l *Logs) RecordsBegin() int64 {
	var from int64
	for _, s := range l.Scans {
		if at := evidence.Nanos(s.First); !s.First.IsZero() && (from == 0 || at < from) {
			from = at
		}
	}
	return from
}
