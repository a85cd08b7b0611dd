package mailwatch

import (
	"math/rand/v2"
	"time"
)

// A backoff doubles the wait each time, with jitter: three quarters to all of it.
type backoff struct {
	first, last time.Duration
	n           int
}

func (b *backoff) next() time.Duration {
	d := b.last
	if b.n < 20 {
		d = min(b.first<<b.n, b.last)
	}
	b.n++
	return d - rand.N(d/4)
}

func (b *backoff) reset() { b.n = 0 }
