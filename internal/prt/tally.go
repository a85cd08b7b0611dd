package prt

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// A Refused is one report, or a knock, that was not taken.
type Refused struct {
	Time   time.Time `json:"time"`
	From   string    `json:"from"`
	Device string    `json:"device,omitempty"` // if it was read
	Reason string    `json:"reason"`
	What   string    `json:"what"`
}

// lately is how many refusals a tally remembers.
const lately = 100

// A Tally counts what came and what was refused since the start. The zero value is ready.
type Tally struct {
	mu       sync.Mutex
	received int64
	repeated int64
	refused  map[string]int64
	last     []Refused
	said     map[string]time.Time
	more     map[string]int64 // since it was said
}

// Counts is a tally at one moment.
type Counts struct {
	Received int64            `json:"received"`
	Repeated int64            `json:"repeated"` // the same report once more
	Refused  map[string]int64 `json:"refused"`  // by reason
	Last     []Refused        `json:"last"`     // refusals, the newest first
}

// Counts are what was counted.
func (t *Tally) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Counts{Received: t.received, Repeated: t.repeated, Refused: map[string]int64{}, Last: slices.Clone(t.last)}
	maps.Copy(c.Refused, t.refused)
	slices.Reverse(c.Last)
	return c
}

func (t *Tally) took(repeated bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if repeated {
		t.repeated++
	} else {
		t.received++
	}
}

// refuse counts a refusal. more is how many of its reason were not said since one was, and say
// whether this one is to be: once a minute.
func (t *Tally) refuse(r Refused) (say bool, more int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == nil {
		t.refused, t.said, t.more = map[string]int64{}, map[string]time.Time{}, map[string]int64{}
	}
	t.refused[r.Reason]++
	if t.last = append(t.last, r); len(t.last) > lately {
		t.last = slices.Delete(t.last, 0, len(t.last)-lately)
	}
	if at, said := t.said[r.Reason]; said && r.Time.Sub(at).Abs() < time.Minute {
		t.more[r.Reason]++
		return false, 0
	}
	more = t.more[r.Reason]
	t.said[r.Reason], t.more[r.Reason] = r.Time, 0
	return true, more
}
