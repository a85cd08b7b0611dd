package growth

import (
	"time"

	"rtmtgrab/internal/evidence"
)

// A Kind is what can be said of a log that stands still.
type Kind string

// The kinds.
const (
	Unknown Kind = "unknown" // it was not observed for long enough
	Seldom  Kind = "seldom"  // it often stands still
	Growing Kind = "growing" // it always grows, and does so, or has not stood still for long
	Stopped Kind = "stopped" // it always grows, and has stopped
)

// A Verdict is what can be said of a log, and why.
type Verdict struct {
	Kind     Kind
	Since    time.Time     // it has not grown since; zero: it was never seen to grow
	Still    time.Duration // for which it was observed not to grow
	Usual    time.Duration // its longest usual pause
	Observed int           // minutes
}

// now judges a log as it was at the last look. others: other logs went on meanwhile.
func (l *Log) now(others bool) Verdict {
	v := Verdict{Since: l.Grown, Still: l.Still, Usual: l.usual(), Observed: l.Observed + l.Pending}
	switch steady, known := l.steady(); {
	case !known:
		v.Kind = Unknown
	case !steady:
		v.Kind = Seldom
	case others && v.Still >= TimesUsual*v.Usual:
		v.Kind = Stopped
	default:
		v.Kind = Growing
	}
	return v
}

// in judges a log of which there is no record in a window.
func (l *Log) in(w evidence.Window, others bool) Verdict {
	v := l.now(others)
	if v.Kind == Unknown || v.Kind == Seldom {
		return v
	}
	v.Kind = Growing
	switch still := w.Length(); {
	case l.Begun.After(w.Until): // nobody has looked at it then
		v.Kind = Unknown
	case w.Contains(l.Grown) && w.Contains(l.Grown.Add(-lapse)): // it was seen to grow then
		v.Kind = Stopped
	default:
		if !l.Grown.After(w.Since) {
			still = max(still, l.Still)
		}
		if others && still >= TimesUsual*v.Usual {
			v.Kind = Stopped
		}
	}
	return v
}
