package hostconn

import (
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/leap"
)

const (
	clockFresh = clockEvery*keepProof + 3*proofAgain // how long a measurement is used
	// clockDrift is by how much two clocks come apart, in parts per million.
	clockDrift = 200
	ownLeap    = 100 * time.Millisecond // of this machine's clock: what is less is drift
)

// A memory is what is known of a host from before. It is safe for concurrent use.
type memory struct {
	mu     sync.Mutex
	names  map[string][]Entry // by folder and families, as Grab.list lists them
	asked  *Session           // whose clock was measured
	at     time.Time          // when
	offset time.Duration
	doubt  time.Duration

	lending lending // under mu
}

func namesKey(h Host) string { return strings.Join(append([]string{h.Dir}, h.Families...), "\x00") }

// remember keeps the names of the families' files; entries are as Grab.list
// returns them, at most maxOpen of them are kept.
func (m *memory) remember(h Host, entries []Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names == nil {
		m.names = map[string][]Entry{}
	}
	m.names[namesKey(h)] = slices.Clone(entries[:min(len(entries), MaxFiles)])
}

// recall is what was remembered last.
func (m *memory) recall(h Host) []Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.names[namesKey(h)])
}

// setClock keeps what a session's clock was found to be at a time.
func (m *memory) setClock(s *Session, at time.Time, offset, doubt time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked, m.at, m.offset, m.doubt = s, at, offset, doubt
}

// clock is what setClock has kept of a session, in doubt by what the clocks may
// have drifted since; ok is false if that is too old, or this machine's clock was set since.
func (m *memory) clock(s *Session, now time.Time) (offset, doubt time.Duration, ok bool) {
	if m == nil {
		return 0, 0, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	age := now.Sub(m.at)
	if m.asked != s || age < 0 || age > clockFresh || leap.By(m.at, now).Abs() > ownLeap {
		return 0, 0, false
	}
	return m.offset, m.doubt + age*clockDrift/1e6, true
}

func (s *shared) Remember(h Host, entries []Entry) {
	if s.memory != nil {
		s.memory.remember(h, entries)
	}
}

func (s *shared) Recall(h Host) []Entry {
	if s.memory == nil {
		return nil
	}
	return s.memory.recall(h)
}
