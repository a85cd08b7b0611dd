// Package release tests what a release is made of besides the program: the scripts of the
// packages. `make release` makes one, `make release-test` looks at it as a whole.
package release
