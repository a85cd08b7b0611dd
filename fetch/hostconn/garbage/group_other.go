//go:build !linux

package garbage

// Within does nothing: there are no control groups.
func Within() {}
