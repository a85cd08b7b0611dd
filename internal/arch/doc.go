// Package arch holds no code, only a test: which package of grab may import
// which. It guarantees that the layers stay layers; it does not know why.
package arch
