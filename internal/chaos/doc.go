// Package chaos runs the real watcher against a real Dovecot while everything
// around it goes wrong, and then counts: each alert must be accounted for exactly
// once. It holds nothing but tests, for Linux. `go test` runs a short one,
// `make chaos` the whole: docs/reliability.md has its figures.
package chaos
