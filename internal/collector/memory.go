package collector

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much garbage may lie about, in percent of what is in use: a thousand warm
// sessions are 80 MiB that hardly change, and collecting twice as often costs next to nothing there.
const gcPercent = 50

// spareMemory lets the process have less memory until the returned function is called. Who sets
// GOGC has the last word.
func spareMemory() (undo func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	was := debug.SetGCPercent(gcPercent)
	return func() { debug.SetGCPercent(was) }
}
