// Package handover brings finished bundles to their destinations: each delivery is a job
// that is kept on disk until it has come to its end.
//
// It guarantees that a job which was added is not lost, whatever is killed when; that what
// a job sends is made once and is the same bytes at every attempt, and that nothing plain
// is left or sent where it was to be masked or encrypted; that an attempt is written down
// before it is made, with its outcome afterwards; that one destination which hangs or
// refuses keeps no other waiting; and that Run ends soon after its context.
//
// It does not know why a bundle is to go somewhere, what incidents are, or how a destination
// is reached.
package handover
