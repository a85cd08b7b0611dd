// Package arch holds no code, only tests: which package of grab may import which, and
// how large packages, types and functions may be. It guarantees that the layers stay
// layers and that what is too large only shrinks; it does not know why.
package arch
