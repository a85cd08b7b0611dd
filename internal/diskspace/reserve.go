package diskspace

import (
	"fmt"
	"sync"
	"syscall"
	"time"
)

const (
	mostReserve  = 20 << 30
	leastReserve = 1 << 30
	reservePart  = 10 // of the disk: a tenth

	measureEvery  = time.Second            // the meter is believed for so long
	measureUrgent = 100 * time.Millisecond // before more is refused than was measured
)

// A Reserve is room of a disk that is kept free for what has to be written whatever
// comes: mails, states, bundles. Who wants to write anything else takes the room of a
// Reserve first. Its exported fields are set before the first use; a nil Reserve
// refuses nothing. It is safe for concurrent use.
type Reserve struct {
	Dir     string                          // any folder of the disk
	Keep    func() int64                    // bytes as configured at this moment; nil or 0: DefaultReserve
	Measure func(dir string) (Space, error) // nil: Measure

	mu    sync.Mutex
	at    time.Time // of the last measurement
	known bool      // it went well
	space Space     // less what was taken since
}

// A ReservedError is that writing would touch the reserve. To atomicfile.Full it is a
// full disk.
type ReservedError struct {
	Dir        string
	Free, Keep int64 // bytes
	Wants      int64 // bytes that were to be written
}

func (e *ReservedError) Error() string {
	return fmt.Sprintf("the disk of %s has %d MiB left, and %d MiB of it are reserved (keep.free)", e.Dir, e.Free>>20, e.Keep>>20)
}

// Is makes it a full disk.
func (e *ReservedError) Is(target error) bool { return target == syscall.ENOSPC }

// DefaultReserve is the reserve of a disk of that size: a tenth, but no more than 20 GiB,
// at least 1 GiB, and never over half of the disk.
func DefaultReserve(total int64) int64 {
	return min(max(min(total/reservePart, mostReserve), leastReserve), total/2)
}

// Take takes n bytes, or is a *ReservedError. A disk that cannot be measured refuses
// nothing: writing will tell.
func (r *Reserve) Take(n int64) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.refusal(n)
	if err == nil {
		r.space.Free -= n
	}
	return err
}

// Refusal is the error that Take would be, and takes nothing.
func (r *Reserve) Refusal(n int64) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refusal(n)
}

func (r *Reserve) refusal(n int64) error {
	keep := r.look(n)
	if !r.known || r.space.Free-n >= keep {
		return nil
	}
	return &ReservedError{Dir: r.Dir, Free: max(r.space.Free, 0), Keep: keep, Wants: n}
}

// Left is how many bytes there are above the reserve, below 0 if it is touched; known is
// false where the disk cannot be measured.
func (r *Reserve) Left() (n int64, known bool) {
	if r == nil {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	keep := r.look(0)
	return r.space.Free - keep, r.known
}

// State is the disk's room now, and how much of it is reserved.
func (r *Reserve) State() (s Space, keep int64, err error) {
	s, err = r.measure()
	return s, r.size(s.Total), err
}

// Renew has the disk measured with the next question: somebody has made room.
func (r *Reserve) Renew() {
	if r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.at = time.Time{}
	}
}

// look measures the disk if that was long ago, or if n bytes would be refused, and
// returns the reserve.
func (r *Reserve) look(n int64) (keep int64) {
	keep = r.size(r.space.Total)
	age := time.Since(r.at)
	if r.at.IsZero() || age < 0 || age > measureEvery || age > measureUrgent && r.space.Free-n < keep {
		s, err := r.measure()
		r.space, r.known, r.at = s, err == nil, time.Now()
		keep = r.size(s.Total)
	}
	return keep
}

func (r *Reserve) measure() (Space, error) {
	if r.Measure != nil {
		return r.Measure(r.Dir)
	}
	return Measure(r.Dir)
}

// size is the reserve of a disk.
func (r *Reserve) size(total int64) int64 {
	if r.Keep != nil {
		if n := r.Keep(); n > 0 {
			return min(n, total/2)
		}
	}
	return DefaultReserve(total)
}
