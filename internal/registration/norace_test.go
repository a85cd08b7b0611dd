//go:build !race

package registration

// played and every say which scenarios are looked at, and which in all forms (each, with
// GRAB_LONG=1); fewer, how many random sites are not.
const (
	played = 1
	every  = 5
	fewer  = 1
)
