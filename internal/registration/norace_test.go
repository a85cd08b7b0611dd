//go:build !race

package registration

// played and every say which scenarios are looked at, and which in all forms; fewer, how
// many random sites are not.
const (
	played = 1
	every  = 1
	fewer  = 1
)
