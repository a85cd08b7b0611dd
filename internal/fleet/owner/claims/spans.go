package claims

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// Slack is how much of a log may be missing for it to be as good as the other: clocks are measured,
// and the ends of a log are not the same in two passes.
const Slack = 2 * time.Second

// mostSpans bounds what is told of one log; the longest stay.
const mostSpans = 50

// HasOf is what was got of the logs of some hosts in a window. The window and what is missing are by the
// collector's clock, as it held the host's against it; the spans are by the host's own, which is the same for
// all collectors: one whose clock is minutes wrong has other records than it says.
func HasOf(w evidence.Window, hosts []evidence.Host) fleet.Has {
	has := fleet.Has{}
	for _, h := range hosts {
		for _, f := range h.Files {
			spans := got(w, f)
			if ms := h.ClockOffsetMS; ms != nil {
				shift(spans, time.Duration(*ms)*time.Millisecond)
			}
			if len(spans) > 0 {
				has[h.Host+"/"+f.Family] = spans
			}
		}
	}
	return has
}

func shift(spans []fleet.Span, by time.Duration) {
	for i := range spans {
		spans[i] = fleet.Span{Since: spans[i].Since.Add(by), Until: spans[i].Until.Add(by)}
	}
}

// got is a window without what a log lacks of it.
func got(w evidence.Window, f evidence.File) (list []fleet.Span) {
	if f.Coverage == evidence.Lost {
		return nil
	}
	from := w.Since
	missing := slices.Clone(f.Missing)
	slices.SortFunc(missing, func(a, b evidence.Span) int { return a.Since.Compare(b.Since) })
	for _, m := range missing {
		if m.Since.After(from) {
			list = append(list, fleet.Span{Since: from, Until: evidence.Earlier(m.Since, w.Until)})
		}
		from = evidence.Later(from, m.Until)
	}
	if from.Before(w.Until) {
		list = append(list, fleet.Span{Since: from, Until: w.Until})
	}
	if len(list) > mostSpans {
		slices.SortFunc(list, func(a, b fleet.Span) int { return cmp.Compare(length(b), length(a)) })
		list = list[:mostSpans]
		slices.SortFunc(list, func(a, b fleet.Span) int { return a.Since.Compare(b.Since) })
	}
	return list
}

func length(s fleet.Span) time.Duration { return s.Until.Sub(s.Since) }

// Covers reports whether the one has, of every log, all of the time that the other has, but for Slack.
func Covers(one, other fleet.Has) bool {
	for log, spans := range other {
		have := slices.Clone(one[log])
		slices.SortFunc(have, func(a, b fleet.Span) int { return a.Since.Compare(b.Since) })
		for _, s := range spans {
			if lacks(have, s) > Slack {
				return false
			}
		}
	}
	return true
}

// lacks is how much of a span the sorted others do not have.
func lacks(have []fleet.Span, s fleet.Span) (n time.Duration) {
	from := s.Since
	for _, h := range have {
		if !h.Until.After(from) {
			continue
		}
		if !h.Since.Before(s.Until) {
			break
		}
		if h.Since.After(from) {
			n += h.Since.Sub(from)
		}
		from = h.Until
	}
	if from.Before(s.Until) {
		n += s.Until.Sub(from)
	}
	return n
}

// Seconds is how much of its window a host's logs have at least, by host.
func Seconds(has fleet.Has) map[string]int64 {
	held := map[string]int64{}
	for log, spans := range has {
		host, _, _ := strings.Cut(log, "/")
		var n time.Duration
		for _, s := range spans {
			n += length(s)
		}
		if was, there := held[host]; !there || int64(n/time.Second) < was {
			held[host] = int64(n / time.Second)
		}
	}
	return held
}
