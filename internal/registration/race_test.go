//go:build race

package registration

// With the race detector each scenario takes ten times as long: one in played is looked
// at, and one in every in all its forms; of random sites a few. `make test` runs the
// package without it, too.
const (
	played = 37
	every  = 23
	fewer  = 5
)
