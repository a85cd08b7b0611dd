package logset

import (
	"context"
	"time"
)

const (
	firstReads = 4 * stretch            // bytes of a family that are in hand at first
	fewReads   = 2 * stretch            // where many hosts are looked at
	leastRead  = 8 << 10                // that a file counts for
	quickRead  = 500 * time.Millisecond // within which a host has answered that may be asked for more
)

// A readDone is what came of reading one file.
type readDone struct {
	bytes int64
	took  time.Duration
	panic any
}

// readEach runs f for the files that are to be read, in their order, each when there is something left
// in the budget for it; with the end of ctx no further ones. A host that answers quickly is asked for more
// and more files at once: what a slow one is asked for at once would only lie about. A panic of f is one of
// the caller's. most is how many bytes may be under way; one file always may.
func readEach(ctx context.Context, files []*File, read []bool, most int64, f func(int)) {
	ended := make(chan readDone, len(files)) // who has read lies about no longer
	var under, more int64                    // bytes: under way, and beyond the first ones
	var caught any
	wait := func() {
		d := <-ended
		if under -= d.bytes; d.took < quickRead {
			more += 2 * d.bytes
		}
		if d.panic != nil {
			caught = d.panic
		}
	}
	for i, file := range files {
		if !read[i] {
			continue
		}
		n := max(min(file.Size, stretch), leastRead)
		for under > 0 && under+n > min(most, reading.first()+more) {
			wait()
		}
		mine, err := reading.take(ctx, n)
		if err != nil {
			break
		}
		under += n
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
		d.bytes, d.took, d.panic = mine.bytes, time.Since(began), recover()
	}()
	f(i)
	return d
}

// first is how many bytes of a family may be in hand at first.
func (b *budget) first() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all int64
	for _, s := range b.shares {
		all += s.bytes
	}
	if len(b.waiting) > 0 || all > b.most/2 {
		return fewReads
	}
	return firstReads
}
