package sight

import (
	"sync"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

// astrayBy is by how much a clock is wrong beyond doubt: much more than a word takes to the hub.
const astrayBy = 30 * time.Second

// witnesses are what others say of this machine's clock. It is safe for concurrent use.
type witnesses struct {
	mu    sync.Mutex
	hosts bool          // all that were measured agree that it is wrong by more than a window can bear
	hub   time.Duration // it minus the hub's, when it last spoke
}

// report takes in what the hosts say.
func (w *witnesses) report(r status.Report) {
	wrong := false
	for _, p := range r.Problems {
		wrong = wrong || p.Key == "clock" && p.Blocks
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = wrong
}

// heard takes in a word that was said at a time by this clock, and came to the hub at one by its own.
func (w *witnesses) heard(said, came time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hub = said.Sub(came)
}

// Astray reports whether this machine's clock is wrong by both who can tell: the hosts, of which all that
// were measured agree, and the hub. One alone may be wrong itself.
func (s *Sight) Astray() bool {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	return s.clock.hosts && s.clock.hub.Abs() > astrayBy
}
