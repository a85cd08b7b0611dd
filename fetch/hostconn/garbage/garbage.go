// Package garbage says how often garbage is collected while hosts are copied from.
//
// It guarantees that all is as before when the last of them is done. It does not know what is copied.
package garbage

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// The SSH library gives every packet memory of its own, so that copying leaves as
// much garbage as it copies while next to nothing is in use. With Go's usual 100
// percent that is collected every 2 MiB, at a fifth of the CPU time.
const (
	gcPercent     = 400       // percent of what is in use, while one host is copied from
	gcPercentMin  = 60        // while many are, for the whole is to stay below 100 MiB
	gcMemoryLimit = 256 << 20 // of the whole program's memory; above it the percentage does not count
	gcGarbage     = 64 << 20  // that may lie about beside what is in use, where that is much: a thousand warm hosts are
)

var gcState struct {
	mu      sync.Mutex
	hosts   int // that are being copied from
	most    int // of them at a time since the first
	percent int // before the first of them
	limit   int64
	garbage int // percent that are gcGarbage bytes
}

// Relax lets the garbage collector run less while one host is copied from, and more than
// usual while more than two are, until the last of them is done. Every call with 1 is
// followed by one with -1.
// Who sets GOGC has the last word.
func Relax(hosts int) {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &gcState
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts == 0 {
		c.percent, c.limit = debug.SetGCPercent(gcPercent), debug.SetMemoryLimit(-1)
		live, all := inUse()
		if c.garbage = gcPercent; live > gcGarbage {
			c.garbage = int(gcGarbage * 100 / live)
		}
		debug.SetMemoryLimit(min(c.limit, max(gcMemoryLimit, all+gcGarbage))) // one that is exceeded already would have it collect all the time
	}
	if c.hosts += hosts; c.hosts == 0 {
		c.most = 0
		debug.SetGCPercent(c.percent)
		debug.SetMemoryLimit(c.limit)
		return
	}
	c.most = max(c.most, c.hosts) // when most are done their channels are still in use
	debug.SetGCPercent(max(gcPercentMin, min(c.garbage, gcPercent/(c.most*c.most))))
}

// inUse is how many bytes of the heap were in use when garbage was collected last, and how many the
// program has of the system.
func inUse() (live, all int64) {
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(m)
	return int64(m[0].Value.Uint64()), int64(m[1].Value.Uint64() - m[2].Value.Uint64())
}
