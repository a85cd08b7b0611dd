package poll

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// A baseline is what is remembered of a node: what rises are judged by. It outlives a restart.
type baseline struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node"`

	Partial map[string]int64 `json:"partial,omitempty"` // the counters of partial phones, as they were last; none: they are not known
	Beats   map[string]int64 `json:"beats,omitempty"`   // counters that only a restart of CUCM sets back
	At      time.Time        `json:"at,omitzero"`       // of the last answer with them
	Since   time.Time        `json:"since,omitzero"`    // the main counter is what it is
	Lows    map[string]int64 `json:"lows,omitempty"`    // the main counter's lowest value of each day, UTC

	Set time.Time `json:"set,omitzero"`  // the last time that the values were taken without an alert, whatever they were
	Why string    `json:"why,omitempty"` // that was

	Pending *pending `json:"pending,omitempty"` // an alert that is not known to be safe yet
}

// A pending alert was written down before it was handed on, so that a crash in between
// neither loses it nor makes two of it.
type pending struct {
	Rise
	Answer map[string]int64 `json:"answer"`
}

// A Rise is a counter that is above its last value.
type Rise struct {
	Counter string    `json:"counter"`
	Was     int64     `json:"was"`
	Value   int64     `json:"value"`
	Time    time.Time `json:"time"`
	Before  time.Time `json:"before"` // of the answer with the last value
}

// Counter is the one of which RTMT's alert is; others of partial phones are its siblings.
const Counter = "PartiallyRegisteredPhone"

// beats are counters of the same object that only grow while CUCM runs.
var beats = []string{"CallManagerHeartBeat", "CallsAttempted", "CallsCompleted"}

// lowsFor is for how many days the lowest values are remembered.
const lowsFor = 7

// Why a baseline was set without an alert.
const (
	whyFirst     = "the first poll"
	whyMissing   = "the counters were missing before"
	whyRestarted = "CUCM was restarted"
	whyOld       = "the last poll was too long ago"
)

// partialOf are the counters of partial phones in an answer, and the beats.
func partialOf(answer map[string]int64) (partial, beat map[string]int64) {
	partial, beat = map[string]int64{}, map[string]int64{}
	for name, v := range answer {
		if strings.Contains(strings.ToLower(name), strings.ToLower(Counter)) && v >= 0 {
			partial[name] = v
		}
		if slices.Contains(beats, name) {
			beat[name] = v
		}
	}
	return partial, beat
}

// judge says whether an answer that came at now is a rise. A baseline that is older than
// oldest is none: an alert of now would not reach back to what happened since.
func (b *baseline) judge(answer map[string]int64, now time.Time, oldest time.Duration) (r *Rise) {
	partial, beat := partialOf(answer)
	if len(partial) == 0 || b.quietly(beat, now, oldest) != "" {
		return nil
	}
	names := slices.SortedFunc(maps.Keys(partial), func(x, y string) int { return rank(x) - rank(y) })
	for _, name := range names {
		if was, known := b.Partial[name]; known && partial[name] > was {
			return &Rise{name, was, partial[name], now, b.At}
		}
	}
	return nil
}

// rank puts the main counter first.
func rank(name string) int {
	if name == Counter {
		return 0
	}
	return len(name)
}

// quietly is why an answer only sets the baseline, "" if it does not.
func (b *baseline) quietly(beat map[string]int64, now time.Time, oldest time.Duration) string {
	switch age := now.Sub(b.At); {
	case b.At.IsZero():
		return whyFirst
	case len(b.Partial) == 0:
		return whyMissing
	case age > oldest || age < -time.Minute:
		return whyOld
	}
	for name, was := range b.Beats {
		if is, there := beat[name]; there && is < was {
			return whyRestarted
		}
	}
	return ""
}

// take makes the answer the baseline.
func (b *baseline) take(answer map[string]int64, now time.Time, oldest time.Duration) {
	partial, beat := partialOf(answer)
	b.Pending = nil
	if len(partial) == 0 {
		b.Partial, b.Beats, b.At = nil, beat, now
		return
	}
	if why := b.quietly(beat, now, oldest); why != "" {
		b.Set, b.Why = now, why
	}
	main, known := partial[Counter]
	if was, there := b.Partial[Counter]; b.Since.IsZero() || there != known || was != main {
		b.Since = now
	}
	b.Partial, b.Beats, b.At = partial, beat, now
	if known {
		b.low(main, now)
	}
}

// low notes the lowest value of the day.
func (b *baseline) low(n int64, now time.Time) {
	lows := map[string]int64{}
	for day, v := range b.Lows {
		if at, err := time.Parse(time.DateOnly, day); err == nil && now.Sub(at) < (lowsFor+1)*24*time.Hour {
			lows[day] = v
		}
	}
	day := now.UTC().Format(time.DateOnly)
	if v, there := lows[day]; !there || n < v {
		lows[day] = n
	}
	b.Lows = lows
}

// lowest is the lowest value of the days that are remembered: RTMT's alert over less comes
// all the time.
func (b *baseline) lowest() (n int64, days int) {
	for _, v := range b.Lows {
		if days == 0 || v < n {
			n = v
		}
		days++
	}
	return n, days
}

// gone notes that the node does not answer, as one does not while CUCM is restarted. Where
// nothing would tell a restart afterwards, it counts as one.
func (b *baseline) gone() {
	if len(b.Beats) == 0 {
		b.Partial = nil
	}
}
