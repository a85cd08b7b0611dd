// Package growth is the memory of how a store's logs grow and how its hosts' clocks go: in
// how many minutes a log grew, how long it usually rests, when a clock stepped. By it a log
// that stands still is judged: by its own history, never by a fixed bound.
//
// What is remembered of a log has one size, however long it is watched. Time in which nobody
// looked counts as not observed. It asks no host, and decides nothing about what follows.
package growth

import (
	"time"

	"rtmtgrab/internal/evidence"
)

// Unit is the minute in which growth is counted.
const Unit = time.Minute

// When a log is said to have stopped.
const (
	LeastMinutes = 60   // observed, before anything is said
	LeastShare   = 0.95 // of these in which it grew
	TimesUsual   = 10   // its longest usual pause, for which it stood still
)

const (
	lapse      = 5 * Unit / 2       // between two looks: what is longer was not observed
	usualShare = 0.98               // of the time is spent in pauses no longer than the longest usual one: one outage is not usual
	longest    = 120                // units of a pause that are told apart
	mostKept   = 14 * 24 * 60       // minutes; then the older ones count half
	tooStill   = 7 * 24 * time.Hour // after that much standing still a log is another one
)

// A Mark is how far a log was at a look.
type Mark struct {
	Newest time.Time `json:"newest,omitzero"` // of its newest record, by the host's clock; zero: not known
	Size   int64     `json:"size"`            // of all its files as listed
}

// grewSince reports whether a log has grown. Files that are removed, or compressed, make
// it smaller while it grows; a clock that is set back makes its newest record older.
func (m Mark) grewSince(was Mark) bool {
	return m.Size > was.Size || !was.Newest.IsZero() && m.Newest.After(was.Newest)
}

// A Log is the history of one family of one host.
type Log struct {
	Mark  Mark      `json:"mark"`
	Begun time.Time `json:"begun"`          // the first look
	Seen  time.Time `json:"seen"`           // the last one
	Grown time.Time `json:"grown,omitzero"` // the last at which it had grown; zero: it never did

	Observed int   `json:"observed"`         // minutes until Grown
	Grew     int   `json:"grew"`             // of these
	Pauses   []int `json:"pauses,omitempty"` // how often it rested for so many minutes; the last one: or longer

	Still   time.Duration `json:"still_ns"` // for which it was observed to stand still
	Pending int           `json:"pending"`  // minutes of that
	Minute  int64         `json:"minute"`   // the last that was counted
	Counted bool          `json:"counted"`  // as one in which it grew
}

// observe takes a look into account.
func (l *Log) observe(at time.Time, m Mark) {
	at = at.UTC().Round(0)
	gap := at.Sub(l.Seen)
	grew, seen := m.grewSince(l.Mark), !l.Seen.IsZero() && gap >= 0 && gap <= lapse
	if gap < 0 { // the clock was set back
		l.Begun, l.Grown, l.Seen = evidence.Earlier(l.Begun, at), evidence.Earlier(l.Grown, at), at
	}
	before := l.Seen
	l.Mark, l.Seen = m, at
	switch {
	case l.Begun.IsZero():
		l.Begun = at
		return
	case !seen && grew: // some time since, while nobody looked
		l.rise(before)
		return
	case !seen:
		return
	}
	if minute := at.UnixNano() / int64(Unit); minute != l.Minute {
		l.Minute, l.Counted = minute, false
		l.Pending++
	}
	l.Still += gap
	if !grew {
		l.age(at)
		return
	}
	if !l.Grown.IsZero() {
		l.pause(l.Still)
	}
	if !l.Counted {
		l.Counted = true
		l.Grew++
	}
	l.rise(at)
}

// rise ends a stretch of standing still.
func (l *Log) rise(at time.Time) {
	l.Observed += l.Pending
	l.Grown, l.Still, l.Pending = at, 0, 0
	if l.Observed > mostKept {
		l.Observed, l.Grew = l.Observed/2, l.Grew/2
		for i := range l.Pauses {
			l.Pauses[i] = (l.Pauses[i] + 1) / 2
		}
	}
}

// age begins anew with a log that has stood still for so long that this is how it is now:
// somebody lowered its level.
func (l *Log) age(at time.Time) {
	if l.Still > tooStill {
		*l = Log{Mark: l.Mark, Begun: at, Seen: at}
	}
}

// pause counts one.
func (l *Log) pause(d time.Duration) {
	n := min(max(int((d+Unit/2)/Unit), 1), longest)
	for len(l.Pauses) <= n {
		l.Pauses = append(l.Pauses, 0)
	}
	l.Pauses[n]++
}

// usual is the longest usual pause.
func (l *Log) usual() time.Duration {
	all := 0
	for i, n := range l.Pauses {
		all += i * n
	}
	need, sum := usualShare*float64(all), 0
	for i, n := range l.Pauses {
		if sum += i * n; n > 0 && float64(sum) >= need {
			return time.Duration(max(i, 1)) * Unit
		}
	}
	return Unit
}

// steady reports whether the log is one that always grows; known whether there is enough
// to say so. What it does since it grew last is not counted for it nor against it.
func (l *Log) steady() (steady, known bool) {
	always := l.Grew > 0 && float64(l.Grew) >= LeastShare*float64(l.Observed)
	if l.Observed < LeastMinutes {
		return false, !always && l.Observed+l.Pending >= LeastMinutes
	}
	return always, true
}

// sound is a history that can have come to be, of one that was read.
func (l Log) sound() bool {
	if l.Observed < 0 || l.Grew < 0 || l.Grew > l.Observed || l.Pending < 0 || l.Still < 0 || len(l.Pauses) > longest+1 {
		return false
	}
	for _, n := range l.Pauses {
		if n < 0 || n > 1<<30 {
			return false
		}
	}
	return true
}
