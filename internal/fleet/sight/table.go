package sight

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/fleet"
)

// maxCollectors bounds how many collectors of a tenant are looked after.
const maxCollectors = 5000

// A table is what was heard of the collectors of a tenant, by this process's clock. It is safe
// for concurrent use.
type table struct {
	mu      sync.Mutex
	floor   time.Time // nobody is missed for what was not heard before
	heard   map[string]time.Time
	known   map[string]known
	fresh   map[string]bool // while what the hub has is told: those that it has; else nil
	spoken  uint64          // revision of our own last word
	another time.Time       // somebody else spoke by our name
}

// known is the presence of a collector, and the revision of its key.
type known struct {
	fleet.Presence
	revision uint64
}

// begin is called before looking begins: nobody is missed for what could not be heard before.
func (t *table) begin(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.floor, t.heard = now, map[string]time.Time{}
	if t.known == nil {
		t.known = map[string]known{}
	}
	t.anew()
}

// resume is called when what the hub has is heard again, from the time again on: the time since it
// was heard last counts for nobody's silence. What was silence by then goes on, but for no longer
// than most: a line that is cut time and again hides nobody who is gone.
func (t *table) resume(last, again time.Time, most time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since := func(heard time.Time) time.Time { return again.Add(-min(max(last.Sub(heard), 0), most)) }
	t.floor = since(t.floor)
	for name, at := range t.heard {
		t.heard[name] = since(at)
	}
	t.anew()
}

// anew has what the hub has told anew. What was known stays until that replaces it.
func (t *table) anew() {
	t.fresh = map[string]bool{}
	t.spoken = 0 // the hub may be one that was made anew, or is as it was earlier
}

// loaded is called when all that the hub has was told: what it has not any more is forgotten.
func (t *table) loaded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.known, func(name string, _ known) bool { return t.fresh != nil && !t.fresh[name] })
	t.fresh = nil
}

// clear forgets all.
func (t *table) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known, t.another = nil, time.Time{}
}

// hear notes a word of a collector that came now.
func (t *table) hear(collector string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.heard) < maxCollectors || !t.heard[collector].IsZero() {
		t.heard[collector] = now
	}
}

// present notes a presence.
func (t *table) present(p fleet.Presence, revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.known[p.Collector]; !there && len(t.known) >= maxCollectors || t.known == nil {
		return
	}
	t.known[p.Collector] = known{p, revision}
	if t.fresh != nil {
		t.fresh[p.Collector] = true
	}
}

// forget notes that a collector's key was removed.
func (t *table) forget(token string) {
	name, err := fleet.Name(token)
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, name)
}

func (t *table) presence(collector string) known {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known[collector]
}

// belied reports whether the hub says of us that we are not there.
func (t *table) belied(me string) bool {
	state := t.presence(me).State
	return state != "" && state != fleet.Here
}

// spoke notes our own last word.
func (t *table) spoke(revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spoken = max(t.spoken, revision)
}

// other notes a word by our name of another instance, and reports whether it is the first within an hour.
func (t *table) other(revision uint64, now time.Time) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spoken > 0 && revision > t.spoken { // what an earlier run of ours left is before that
		first = now.Sub(t.another) > time.Hour
		t.another = now
	}
	return first
}

// doubled is when somebody else last spoke by our name; zero: not within the time.
func (t *table) doubled(now time.Time, within time.Duration) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.another) > within {
		return time.Time{}
	}
	return t.another
}

// all are those that fit, by name.
func (t *table) all(fits func(known) bool) (list []known) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range t.known {
		if fits(k) {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b known) int { return strings.Compare(a.Collector, b.Collector) })
	return list
}

// quiet is for how long nothing was heard of a collector, as far as it could have been.
func (t *table) quiet(collector string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.floor
	if at := t.heard[collector]; at.After(last) {
		last = at
	}
	return now.Sub(last)
}
