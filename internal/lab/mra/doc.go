// Package mra is a site in the laboratory: a CUCM cluster and phones that register with
// it over the Expressways of package lab (Mobile and Remote Access), what can go wrong on
// the way, and what the Expressways log of all this.
//
// It guarantees that the truth is known: everything that happens is a [Happening], and
// with the same seed and the same beginning the same things happen at the same
// microseconds, in the past at once and in the present by the clock. The shapes follow
// docs/partial-registration.md; names and addresses in them are examples.
//
// Nothing is sent: messages are only what would be logged of them. It does not know what
// anybody concludes from the logs, nor which of its events belong together.
package mra
