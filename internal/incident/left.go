package incident

import "time"

// A Left finds the incidents that another process had begun and has left: it was killed. It is
// for one goroutine.
type Left struct {
	table *Table
	seen  map[string]time.Time // as of Changed
	open  map[string]bool      // by key: those that others had begun when their records were read last
}

// NewLeft is for a table, whose incidents are none of those.
func NewLeft(t *Table) *Left {
	return &Left{table: t, seen: map[string]time.Time{}, open: map[string]bool{}}
}

// TakeUp takes those into the table at which nobody works any more.
func (l *Left) TakeUp() (taken []Incident) {
	list, _ := l.table.st.Changed(l.seen) // List reports what cannot be read
	for _, in := range list {
		if begun(in) {
			l.open[in.Key] = true
		} else {
			delete(l.open, in.Key)
		}
	}
	for key := range l.open {
		if _, ours := l.table.Get(key); ours == nil || !l.table.st.free(key) {
			continue
		}
		if in, ok := l.table.takeUp(key); ok {
			taken = append(taken, in)
		}
		delete(l.open, key)
	}
	return taken
}

// begun reports whether whoever works at the incident has its lock, or had it.
func begun(in Incident) bool {
	return in.State != Sealed && in.Kind != KindDrill && !in.Joinable()
}

// takeUp takes in an incident as it is on disk, if it wants work.
func (t *Table) takeUp(key string) (Incident, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	in, err := t.st.Read(key)
	if err != nil || !begun(in) || t.m[key] != nil {
		return in, false
	}
	t.PutLocked(in)
	return in, true
}

// IsLeft reports whether hosts were asked for the incident, it has no bundle, and nobody works at
// it. Who cannot know it says no.
func IsLeft(s *Store, key string, state State) bool {
	return (state == Running || state == Sealing) && s.free(key)
}
