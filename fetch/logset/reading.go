package logset

import (
	"context"
	"time"
)

const (
	firstReads = 4                      // files of a family that are read at once at first
	fewReads   = 2                      // where many hosts are looked at
	quickRead  = 500 * time.Millisecond // within which a host has answered that may be asked for more
)

// A readDone is what came of reading one file.
type readDone struct {
	took  time.Duration
	panic any
}

// readEach runs f for the files that are to be read, in their order, each when there is something left
// in the budget for it; with the end of ctx no further ones. A host that answers quickly is asked for more
// and more files at once: what a slow one is asked for at once would only lie about. A panic of f is one of
// the caller's.
func readEach(ctx context.Context, files []*File, read []bool, f func(int)) {
	ended := make(chan readDone)
	under, more := 0, 0 // way; files at once beyond the first ones
	var caught any
	wait := func() {
		d := <-ended
		if under--; d.took < quickRead {
			more += 2
		}
		if d.panic != nil {
			caught = d.panic
		}
	}
	for i, file := range files {
		if !read[i] {
			continue
		}
		for under >= min(readAtOne, reading.first()+more) {
			wait()
		}
		mine, err := reading.take(ctx, min(file.Size, stretch))
		if err != nil {
			break
		}
		under++
		go func() { ended <- readOne(mine, i, f) }() // waited for below
	}
	for under > 0 {
		wait()
	}
	if caught != nil {
		panic(caught)
	}
}

func readOne(mine *share, i int, f func(int)) (d readDone) {
	began := time.Now()
	defer func() {
		mine.giveBack()
		d.took, d.panic = time.Since(began), recover()
	}()
	f(i)
	return d
}

// first is how many files of a family may be read at once at first.
func (b *budget) first() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all int64
	for _, s := range b.shares {
		all += s.bytes
	}
	if len(b.waiting) > 0 || all > b.most/4 {
		return fewReads
	}
	return firstReads
}
