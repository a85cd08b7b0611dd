// Package prt receives phones' problem reports (PRT): what a phone uploads to its "Customer
// support upload URL" when somebody presses Report Problem, or Generate PRT in CUCM.
//
// It guarantees that a report is answered with 200 only when it is safe on disk, byte for byte as it
// was sent; that what is refused leaves nothing behind and is counted by its reason; that the
// same report is kept once; that nothing is held whole in memory, nothing written under a name that
// a sender chose, and nothing more than the bounds say; and that a sender that hangs costs its
// own place and nothing else.
//
// A report that breaks off is refused, the upload as well as the gzip stream in it: the
// phone then says that it failed, and sends again what it has whole.
//
// Senders are not authenticated: phones cannot be. It knows networks, not people; that a
// report is of the phone that it names is the sender's word. It does not unpack reports, and
// does not know which incident one belongs to: that is a Matcher's to say.
package prt
