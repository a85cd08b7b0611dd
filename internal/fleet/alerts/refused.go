package alerts

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
)

// Bounds of what is kept aside.
const (
	maxRefused = 50       // messages; further ones are only counted
	maxAside   = 64 << 10 // bytes of each
)

// refused are the messages that could be no alerts.
type refused struct {
	st  *incident.Store
	log *slog.Logger

	mu   sync.Mutex
	n    int // since the start
	last time.Time
}

// keep keeps one, for a person to look at.
func (r *refused) keep(site string, seq uint64, data []byte, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	r.last = time.Now()
	if r.n > maxRefused {
		return
	}
	dir := filepath.Join(r.st.Dir, "fleet", "refused")
	name := filepath.Join(dir, fmt.Sprintf("%d-%s", seq, fleet.Token(site)))
	err := atomicfile.MkdirAll(dir)
	if err == nil && room(dir) {
		err = atomicfile.WriteBytes(name, data[:min(len(data), maxAside)])
	}
	r.log.Error("a message from the fleet can be no alert: it is kept aside, and nothing is grabbed for it", "site", site, "file", name, "why", evidence.Printable(why.Error(), 300), "err", err)
}

// room reports whether fewer are kept than may be, of all starts.
func room(dir string) bool {
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	return err == nil && len(list) < maxRefused
}

func (r *refused) count() (n int, last time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n, r.last
}
