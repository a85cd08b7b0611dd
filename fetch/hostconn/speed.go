package hostconn

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rtmtgrab/internal/evidence"
)

const (
	leastRate   = 16 << 10         // bytes a second below which a peer is given up
	speedWindow = 60 * time.Second // of waiting for the peer, over which its rate is taken
	perAnswer   = 32 << 10         // bytes that an answer counts for beside its own: a long way is not a slow peer
	perCommand  = 512 << 10        // bytes that a command's end counts for
)

// A speed watches how fast a peer answers while something is asked of it, and gives the
// connection up when that is too slow to be waited for. What this side waits for, its
// turn, its own limit or its disk, does not count.
type speed struct {
	least int64 // bytes a second
	cut   func(error)

	last atomic.Int64 // uptime when the peer's last byte came

	mu      sync.Mutex
	waiting int           // for an answer
	since   time.Duration // uptime, from when on somebody waits
	waited  time.Duration // in this window, before since
	got     int64         // bytes in this window
	armed   bool          // judge will be called
}

// newSpeed is that of a connection that this side itself reads no faster than
// bandwidth; zero: as fast as it goes.
func newSpeed(bandwidth int64, cut func(error)) *speed {
	least := int64(leastRate)
	if bandwidth > 0 {
		least = min(least, bandwidth/2)
	}
	return &speed{least: least, cut: cut}
}

// wait notes that an answer is waited for until done is called, which is told how many
// bytes the answer counts for beside its own.
func (s *speed) wait() (done func(worth int64)) {
	if s == nil {
		return func(int64) {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting++; s.waiting == 1 {
		s.since = uptime()
		s.arm()
	}
	return s.done
}

func (s *speed) done(worth int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got += worth
	if s.waiting--; s.waiting == 0 {
		s.waited += uptime() - s.since
	}
}

// arm has judge called when the window may be over.
func (s *speed) arm() {
	if !s.armed {
		s.armed = true
		time.AfterFunc(max(speedWindow-s.waited, 0), s.judge)
	}
}

// heard counts bytes of answers.
func (s *speed) heard(n int) {
	if s == nil || n <= 0 {
		return
	}
	s.last.Store(int64(uptime()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got += int64(n)
}

// heardLast is the uptime when the peer's last byte came.
func (s *speed) heardLast() time.Duration {
	if s == nil {
		return 0
	}
	return time.Duration(s.last.Load())
}

// judge gives the connection up, or looks again later.
func (s *speed) judge() {
	waited, got, over := s.window()
	if rate := int64(float64(got) / max(waited.Seconds(), 1)); over && rate < s.least {
		s.cut(&Fault{Why: evidence.ReasonSlow, Stop: true,
			Err: fmt.Errorf("the host answered at %d bytes a second over %d s of waiting for it; below %d it is given up", rate, int(waited.Seconds()), s.least)})
	}
}

// window is what came so far; if the window is over another begins.
func (s *speed) window() (waited time.Duration, got int64, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
	now := uptime()
	if waited = s.waited; s.waiting > 0 {
		waited += now - s.since
	}
	got, over = s.got, waited >= speedWindow
	if over {
		s.since, s.waited, s.got = now, 0, 0
	}
	if s.waiting > 0 {
		if !over {
			s.since, s.waited = now, waited
		}
		s.arm()
	}
	return waited, got, over
}
