// Package garbage says how often garbage is collected while hosts are read from.
//
// It guarantees that all is as before when the last of them is done, half a minute later if they were many, and
// that no more memory is aimed at than the control group of the program allows (Within).
// It does not know what is read.
package garbage

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// The SSH library gives every packet memory of its own, so that copying leaves as
// much garbage as it copies while next to nothing is in use. With Go's usual 100
// percent that is collected every 2 MiB, at a fifth of the CPU time.
const (
	gcPercent     = 400              // percent of what is in use, while one host is read from
	gcPercentMin  = 60               // while many are, for the whole is to stay below 100 MiB
	gcMemoryLimit = 256 << 20        // of the whole program's memory, while few hosts are; above it the percentage does not count
	gcManyLimit   = 432 << 20        // while many are: what was free for a moment is given back to the system above it
	gcStep        = 16 << 20         // by which the limit is raised at least where more is in use
	gcAfter       = 30 * time.Second // for which all stays as it is after many hosts: then much is packed at once
	gcGarbage     = 64 << 20         // that may lie about beside what is in use, where that is much: a thousand warm hosts are
)

// state is what is set, and for whom.
type state struct {
	mu      sync.Mutex
	hosts   int // that are being read from
	most    int // of them at a time since the first
	percent int // before the first of them
	limit   int64
	garbage int // percent that are gcGarbage bytes

	percentNow int // what is set: to set anything waits for the collection that is under way
	limitNow   int64

	after *time.Timer // until what was before them is set again; nil: it is, or they are there
}

var inForce state

// Relax lets the garbage collector run less while one host is read from, and more than
// usual while more than two are, until the last of them is done. Every call with 1 is
// followed by one with -1.
// Who sets GOGC has the last word.
func Relax(hosts int) {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &inForce
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts == 0 && c.after != nil {
		c.after.Stop()
		c.after, c.most = nil, 0
	} else if c.hosts == 0 {
		c.percent, c.limit = debug.SetGCPercent(gcPercent), debug.SetMemoryLimit(-1)
		c.percentNow, c.limitNow = gcPercent, c.limit
		c.garbage = gcPercent
		c.most = 0
		if live := inUse().live; live > gcGarbage {
			c.garbage = int(gcGarbage * 100 / live)
		}
	}
	if c.hosts += hosts; c.hosts == 0 {
		c.end()
		return
	}
	c.most = max(c.most, c.hosts) // when most are done their channels are still in use
	percent := max(min(gcPercentMin, c.percent), min(c.garbage, gcPercent/(c.most*c.most)))
	if percent != c.percentNow {
		c.percentNow = percent
		debug.SetGCPercent(percent)
	}
	limit := int64(gcMemoryLimit)
	if percent <= gcPercentMin {
		limit = gcManyLimit
	}
	if m := inUse(); m.least() > limit {
		limit = m.least() + gcStep // it need not be raised soon again
	}
	if limit = min(c.limit, limit); limit != c.limitNow && (c.limitNow == c.limit || limit > c.limitNow) {
		c.limitNow = limit
		debug.SetMemoryLimit(limit)
	}
}

// end sets what was before the first host, at once or later.
func (c *state) end() {
	reset := func() {
		debug.SetGCPercent(c.percent)
		debug.SetMemoryLimit(c.limit)
	}
	if c.most <= 2 {
		reset()
		return
	}
	var mine *time.Timer
	mine = time.AfterFunc(gcAfter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.after == mine {
			c.after = nil
			reset()
		}
	})
	c.after = mine
}

// memory is bytes that the program has.
type memory struct {
	live   int64 // of the heap, when garbage was collected last
	stacks int64
}

// least is a limit that leaves room for garbage: with one that is exceeded already it would be
// collected all the time.
func (m memory) least() int64 { return m.live + max(m.live/4, gcGarbage) + m.stacks }

func inUse() memory {
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(m)
	return memory{int64(m[0].Value.Uint64()), int64(m[1].Value.Uint64())}
}
