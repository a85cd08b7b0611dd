package analysis

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestBoundMemory: whoever ends first, the limit that was there comes back with the last, and not before.
func TestBoundMemory(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	const was = 3 << 30
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(was))
	limit := func() int64 { return debug.SetMemoryLimit(-1) }

	first := BoundMemory()
	if got := limit(); got >= was || got < reportMemory {
		t.Errorf("the limit is %d MiB", got>>20)
	}
	second := BoundMemory()
	first()
	first() // is nothing any more
	if got := limit(); got >= was {
		t.Errorf("with one of two left the limit is %d MiB", got>>20)
	}
	second()
	if got := limit(); got != was {
		t.Errorf("afterwards the limit is %d MiB, and was %d", got>>20, was>>20)
	}
}

// TestBoundBesideMuch: what the program holds already does not count, else memory is collected all the time.
func TestBoundBesideMuch(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	held := make([]byte, reportMemory+reportMemory/2)
	runtime.GC()
	defer BoundMemory()()
	if got, least := debug.SetMemoryLimit(-1), int64(len(held)+reportMemory); got < least {
		t.Errorf("the limit is %d MiB, less than %d", got>>20, least>>20)
	}
	runtime.KeepAlive(held)
}
