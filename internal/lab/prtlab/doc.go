// Package prtlab is phones that post their problem report (PRT) to a customer support
// upload URL: as they should, and in every way that goes wrong or that somebody may mean
// badly.
//
// It guarantees that what a good report holds is known byte for byte, with the same seed the
// same. The shape follows public documents of the phones. It does not know what receives the
// reports; it connects to loopback addresses only.
package prtlab
