package bundle

import (
	"errors"
	"io"
	"math"
	"sync/atomic"
)

// Bounds on what an archive unpacks to, so that a bomb costs no patience either. Logs have
// 10 to 30 times the archive's size; a zip can have 1032 times, a tar.zst far more.
const (
	maxRatio = unpackRatio
	always   = 1 << 30 // of an archive of any size
)

var errTooMuch = errors.New("it unpacks to more than logs ever would")

// A budget is how many bytes may yet be unpacked of an archive, by all who read in it.
type budget struct{ left atomic.Int64 }

// budgetOf is that of an archive of so many bytes, of which it is known that it holds so much;
// 0: nothing is.
func budgetOf(size, holds int64) *budget {
	b := &budget{}
	b.left.Store(max(min(size, math.MaxInt64/2/maxRatio)*maxRatio, always, holds))
	return b
}

// charged reads at the expense of a budget.
type charged struct {
	budget *budget
	r      io.Reader
}

func (c charged) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.budget.left.Add(int64(-n)) < 0 {
		return 0, errTooMuch
	}
	return n, err
}
