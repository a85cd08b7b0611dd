package logset

import (
	"bytes"
	"io"

	"rtmtgrab/fetch/hostconn"
)

const (
	nulStep  = 16 << 10
	nulReach = 256 << 10 // how far NULs are read from a file's start on; further ones are jumped over
)

// leadingNULs is the offset of the first byte that is none, for some logs begin
// with a hole: their writer went on at its old place after they were cut to
// nothing. A hole of gigabytes costs a few reads: its end is found by halving, so
// that of several holes another end may be found. size, if there is nothing else.
func leadingNULs(r io.ReaderAt, size int64) (int64, error) {
	var lo int64
	for ; lo < size && lo < nulReach; lo += nulStep {
		n, all, err := nulsAt(r, lo, size)
		if err != nil || !all {
			return lo + n, err
		}
	}
	hi := size // in [lo, hi) it ends; before lo are NULs
	for hi-lo > nulStep {
		mid := lo + (hi-lo)/2
		n, all, err := nulsAt(r, mid, size)
		switch {
		case err != nil:
			return lo, err
		case all:
			lo = mid
		case n > 0:
			return mid + n, nil
		default:
			hi = mid
		}
	}
	for ; lo < hi; lo += nulStep {
		n, all, err := nulsAt(r, lo, size)
		if err != nil || !all {
			return lo + n, err
		}
	}
	return min(hi, size), nil
}

// nulsAt counts the NULs from off on, and tells whether there is nothing else in
// a step.
func nulsAt(r io.ReaderAt, off, size int64) (n int64, all bool, err error) {
	b := make([]byte, min(nulStep, size-off))
	if err := hostconn.ReadFull(r, b, off); err != nil {
		return 0, false, err
	}
	n = int64(len(b) - len(bytes.TrimLeft(b, "\x00")))
	return n, n == int64(len(b)), nil
}
