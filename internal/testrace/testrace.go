// Package testrace says whether a test has the race detector in it, and picks what it
// looks at then: computation takes ten times as long with the detector, which finds
// nothing in what has no goroutines. `make test` runs the packages that leave something
// out a second time, without the detector and whole.
package testrace

// Skips reports whether the i-th case of many is left to the run without the detector:
// with it one in n is looked at, spread evenly. n should have no divisor in common with
// what the cases repeat in.
func Skips(i, n int) bool { return On && i%n != 0 }

// Smaller is a size, or with the race detector an n-th of it.
func Smaller(size, n int) int {
	if On {
		return size / n
	}
	return size
}
