//go:build !race

package registration

// every says which scenarios are played in all forms.
const every = 1
