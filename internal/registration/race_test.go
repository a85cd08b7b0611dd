//go:build race

package registration

// every says which scenarios are played in all forms: with the race detector each
// takes ten times as long.
const every = 7
