//go:build !race

package testrace

// On is whether this program has the race detector in it.
const On = false
