//go:build race

package scenario

// oneIn says which scenarios are looked at: with the race detector each takes ten times
// as long. `make test` runs the package without it, too.
const oneIn = 5
