// Package testrace says whether a test has the race detector in it, and picks what it
// looks at then: computation takes ten times as long with the detector, which finds
// nothing in what has no goroutines. `make test` runs everything whole and without the
// detector, `make test-race` what is left with it. Short tests look at the same sample.
package testrace

import (
	"os"
	"testing"
)

// Skips reports whether the i-th case of many is left to the run that is neither short nor
// with the detector: else one in n is looked at, spread evenly. n should have no divisor
// in common with what the cases repeat in.
func Skips(i, n int) bool { return sampled() && i%n != 0 }

// Smaller is a size, or an n-th of it where others are sampled.
func Smaller(size, n int) int {
	if sampled() {
		return size / n
	}
	return size
}

// More is a size with GRAB_LONG=1, else an n-th of it: what is long by nature.
func More(size, n int) int {
	if os.Getenv("GRAB_LONG") != "" {
		return size
	}
	return Smaller(size/n, n)
}

func sampled() bool { return On || testing.Short() }

// Without leaves a test that is not about who does what at the same time to the run without
// the detector, where it takes a third.
func Without(t *testing.T) {
	t.Helper()
	if On {
		t.Skip("the run without the detector has it")
	}
}

// Whole leaves a test to the run that is neither short nor with the detector.
func Whole(t *testing.T) {
	t.Helper()
	if sampled() {
		t.Skip("the run without the detector has it")
	}
}
