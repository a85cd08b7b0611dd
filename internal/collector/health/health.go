// Package health is what a running watch knows of itself: what it remembers of hosts and
// of its disk, since when a problem lasts, its metrics, and /healthz with /metrics.
//
// A report is made from what is known at that moment; none of it asks a host or a
// mailbox. What in a report is a problem is for package status to say.
package health

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/mailwatch"
)

// Health is what a watcher remembers for its status. It is safe for concurrent use.
type Health struct {
	Started time.Time
	Hosts   hostNotes
	Disk    diskUse
	Store   storeTest
	Since   sinces
	Sign    signs
}

// sinces knows since when each problem lasts of which nothing else tells. It is safe
// for concurrent use.
type sinces struct {
	mu sync.Mutex
	at map[string]time.Time
}

// Fill puts the time into a report at which each of its problems was first seen.
func (s *sinces) Fill(r *status.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := map[string]time.Time{}
	for i := range r.Problems {
		p := &r.Problems[i]
		if !p.Since.IsZero() {
			continue
		}
		p.Since = r.Now
		if was, ok := s.at[p.Key]; ok {
			p.Since = was
		}
		now[p.Key] = p.Since
	}
	s.at = now
}

// SignFile is touched about every minute while a mailbox's loop turns: what is left
// to see of a watcher that is gone.
func SignFile(store string) string { return filepath.Join(store, "watch.sign") }

// signs leaves signs of life on disk. It is safe for concurrent use.
type signs struct {
	mu   sync.Mutex
	last time.Time
}

func (s *signs) Leave(store string, st mailwatch.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.Now.Sub(s.last) < time.Minute {
		return
	}
	s.last = st.Now
	name := SignFile(store)
	if os.Chtimes(name, st.Now, st.Now) != nil {
		atomicfile.WriteBytes(name, nil) // a full disk is said elsewhere
	}
}
