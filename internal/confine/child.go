package confine

import (
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// exitMemory is how a child ends that needs more memory than it may have and found that
// out itself: where its parent cannot look at it.
const exitMemory = 101

// Enter makes this process a confined one: its first deed. It collects garbage to stay
// below soft bytes while that costs little, and ends the process with exit when its parent is gone
// or when it has more than hard bytes.
func Enter(soft, hard int64, exit func(code int)) {
	offer() // first: from here on the kernel knows whom to take
	debug.SetMemoryLimit(soft)
	go func() {
		io.Copy(io.Discard, os.Stdin) // until the parent is gone, nothing comes
		exit(1)
	}()
	go func() {
		of := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for range time.Tick(5 * lookEvery) {
			if metrics.Read(of); int64(of[0].Value.Uint64()-of[1].Value.Uint64()) > hard {
				exit(exitMemory)
			}
		}
	}()
}
