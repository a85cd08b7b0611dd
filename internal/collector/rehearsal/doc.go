// Package rehearsal makes drills: a mail like RTMT's is sent, or put into the mailbox, and
// what the collector does with it is followed to a verified bundle, step by step, by hand
// and by schedule. Mail, bundle and incident are removed again.
//
// It guarantees that a mail that bears the mark of a drill counts as one only if this
// collector issued the mark within drill.Life, for these words, and nobody has used it
// yet; anything else is an alert. It does not know why a mail did not come.
package rehearsal
