package analysis

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// reportMemory is how much a report has beside what the program holds already, in bytes, before
// memory is collected more often than it costs least: what one of 2 GB of logs needs at once is less.
const reportMemory = reportSoft

// bound is who bounds the memory of this process now: the last of them gives back what was.
var bound struct {
	sync.Mutex
	by  int
	was int64 // the limit before the first
}

// BoundMemory does so until the returned function is called, unless $GOMEMLIMIT says
// otherwise. Several may at the same time.
func BoundMemory() (undo func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	bound.Lock()
	defer bound.Unlock()
	if bound.by++; bound.by == 1 {
		bound.was = debug.SetMemoryLimit(-1)
	}
	debug.SetMemoryLimit(min(bound.was, inUse()+reportMemory))
	return sync.OnceFunc(unbound)
}

func unbound() {
	bound.Lock()
	defer bound.Unlock()
	if bound.by--; bound.by == 0 {
		debug.SetMemoryLimit(bound.was)
	}
}

// inUse is what the heap held when it was collected last: a limit that does not leave room beside
// it is exceeded already, and memory collected all the time.
func inUse() int64 {
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(m)
	return int64(m[0].Value.Uint64())
}
