package manifest

import (
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
)

// JudgeSilence looks at what was read and holds nothing: where the log always has records,
// or the host's clock leapt, it is missing; otherwise a note says that it may be right. last
// is the manifest of the revision before, nil if there is none: what was judged stays, for
// the history has gone on since.
func JudgeSilence(m *evidence.Manifest, last *evidence.Manifest, book *growth.Book) {
	for i := range m.Hosts {
		h := &m.Hosts[i]
		for j := range h.Files {
			f := &h.Files[j]
			if f.Coverage == evidence.Lost {
				continue
			}
			has := hasRecords(f, m.Asked, h)
			silent, notes := leaps(h, m.Asked, book), []string(nil)
			switch was := fileOf(last, h.Host, f.Family); {
			case was != nil && was.Coverage != evidence.Lost && hasRecords(was, m.Asked, h) == has:
				silent, notes = silentSpans(was.Missing), notesOn(last, f.Family, h.Host)
			case !has:
				more, note := quiet(m, h.Host, f.Family, book)
				silent, notes = append(silent, more...), note
			}
			m.Notes = append(m.Notes, notes...)
			f.Missing = withSilent(m.Asked, f.Missing, silent)
			f.Coverage = evidence.Judge(m.Asked, f.Missing)
		}
		h.Conclude()
	}
	m.Conclude()
}

// quiet judges a log without a record in the window.
func quiet(m *evidence.Manifest, host, family string, book *growth.Book) (silent []evidence.Span, notes []string) {
	v := book.In(host, family, m.Asked, othersHaveRecords(m, host, family))
	if v.Kind == growth.Stopped {
		return []evidence.Span{{Since: m.Asked.Since, Until: m.Asked.Until, Reason: evidence.ReasonSilent}}, nil
	}
	why := "it is not known whether it should"
	if v.Kind == growth.Seldom {
		why = "it does not always have some"
	}
	return nil, []string{emptyNote(family, host) + "; " + why}
}

// emptyNote begins the notes on a log without records.
func emptyNote(family, host string) string {
	return fmt.Sprintf("%s of %s has no record in the window", family, host)
}

// notesOn are the notes that an earlier revision had on a log without records.
func notesOn(m *evidence.Manifest, family, host string) (notes []string) {
	for _, n := range m.Notes {
		if strings.HasPrefix(n, emptyNote(family, host)) {
			notes = append(notes, n)
		}
	}
	return notes
}

// leaps is what a leap of the host's clock leaves open: the window was cut by one offset,
// and what was logged under the other stands elsewhere.
func leaps(h *evidence.Host, w evidence.Window, book *growth.Book) (spans []evidence.Span) {
	steps := book.StepsIn(h.Host, w)
	for _, s := range h.ClockSteps { // that the grab itself has seen
		if s.Since.Before(w.Until) && s.Until.After(w.Since) {
			steps = append(steps, growth.Step{From: s.Since, Until: s.Until, Before: millis(s.BeforeMS), After: millis(s.AfterMS)})
		}
	}
	for _, s := range steps {
		span := evidence.Span{Since: w.Since, Until: w.Until, Reason: evidence.ReasonSilent}
		if h.ClockOffsetMS != nil {
			used := millis(*h.ClockOffsetMS)
			if (used - s.After).Abs() < (used - s.Before).Abs() {
				span.Until = s.Until
			} else {
				span.Since = s.From
			}
		}
		spans = append(spans, span)
	}
	return spans
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// hasRecords reports whether a file may have a record of the window: one that begins
// before it and ends behind it is taken to.
func hasRecords(f *evidence.File, w evidence.Window, h *evidence.Host) bool {
	if f.First == nil || f.Last == nil {
		return f.Bytes > 0
	}
	w = w.Widen(time.Duration(h.WidenedMS) * time.Millisecond)
	if h.ClockOffsetMS != nil {
		w = w.Shift(time.Duration(*h.ClockOffsetMS) * time.Millisecond)
	}
	return f.First.Before(w.Until) && !f.Last.Before(w.Since)
}

// othersHaveRecords reports whether a log other than that one has some in the window.
func othersHaveRecords(m *evidence.Manifest, host, family string) bool {
	for i := range m.Hosts {
		h := &m.Hosts[i]
		for j := range h.Files {
			f := &h.Files[j]
			if (h.Host != host || f.Family != family) && hasRecords(f, m.Asked, h) {
				return true
			}
		}
	}
	return false
}

func silentSpans(missing []evidence.Span) (spans []evidence.Span) {
	for _, s := range missing {
		if s.Reason == evidence.ReasonSilent {
			spans = append(spans, s)
		}
	}
	return spans
}

// withSilent adds silent spans to what is missing, where nothing else is known to be.
func withSilent(w evidence.Window, missing, silent []evidence.Span) []evidence.Span {
	for _, s := range silent {
		for _, known := range evidence.Merge(w, missing) {
			if s.Since.Before(known.Since) && s.Until.After(known.Since) {
				missing = append(missing, evidence.Span{Since: s.Since, Until: known.Since, Reason: s.Reason})
			}
			if s.Until.After(known.Since) && s.Since.Before(known.Until) {
				s.Since = evidence.Later(s.Since, known.Until)
			}
		}
		if s.Since.Before(s.Until) {
			missing = append(missing, s)
		}
	}
	return evidence.Merge(w, missing)
}

// fileOf is a file of a manifest; nil: there is none.
func fileOf(m *evidence.Manifest, host, family string) *evidence.File {
	if m == nil {
		return nil
	}
	for i := range m.Hosts {
		for j := range m.Hosts[i].Files {
			if f := &m.Hosts[i].Files[j]; m.Hosts[i].Host == host && f.Family == family {
				return f
			}
		}
	}
	return nil
}
