package registration

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain bounds what the tests take together, whatever GOGC is: some read a log that holds as much as is kept.
func TestMain(m *testing.M) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2 << 30)
	}
	os.Exit(m.Run())
}
