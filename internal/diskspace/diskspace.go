// Package diskspace says how much room a disk has for this user, and keeps a reserve of
// it free.
//
// It guarantees that whoever asks a Reserve before writing leaves the reserve alone,
// as far as others do not write either: the disk is measured now and then, and what was
// granted since counts as written. It does not know quotas.
package diskspace

// A Space is the room of a disk in bytes.
type Space struct {
	Free  int64 // that this user can still write
	Total int64
}
