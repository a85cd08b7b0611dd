package sshdial

import (
	"sync"
	"time"
)

// A bucket lets bytes through at a rate: what has passed too early is owed. The
// zero value lets all of them through. It is safe for concurrent use.
type bucket struct {
	mu      sync.Mutex
	rate    int64     // bytes per second; zero: no limit
	left    float64   // bytes that may pass at once; negative: owed
	at      time.Time // when left was true
	changed chan struct{}
}

// burst is how many bytes pass at once after a pause, and in one read: those of
// a quarter of a second.
func (b *bucket) burst() float64 { return max(1, float64(b.rate)/4) }

// set changes the rate. What waits by the old one asks again.
func (b *bucket) set(now time.Time, rate int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	b.rate = max(0, rate)
	b.left = max(-b.burst(), min(b.left, b.burst())) // an old debt must not last at a slow rate
	b.at = now
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// ask is how many of want bytes may be read now, at least one; or, if it is none,
// how long to wait before asking again, unless changed is closed before that.
func (b *bucket) ask(now time.Time, want int) (n int, wait time.Duration, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate == 0 || want == 0 {
		return want, 0, nil
	}
	b.refill(now)
	if b.left >= 1 {
		return min(want, int(b.left)), 0, nil
	}
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	need := min(float64(want), b.burst()) - b.left // worth a read, not one byte
	return 0, time.Duration(need/float64(b.rate)*float64(time.Second)) + 1, b.changed
}

// took says that n bytes have been read.
func (b *bucket) took(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate > 0 {
		b.left -= float64(n)
	}
}

func (b *bucket) refill(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(b.burst(), b.left+passed.Seconds()*float64(b.rate))
		b.at = now
	}
}
