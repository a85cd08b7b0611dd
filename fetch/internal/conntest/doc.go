// Package conntest is connections to a folder of this machine, which behave and
// misbehave as a test wants it.
//
// It knows nothing of SSH, and is for tests only.
package conntest
