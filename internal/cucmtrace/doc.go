// Package cucmtrace reads what CUCM nodes write down: the Call Manager's SDL traces, and
// what the Event Viewer shows (syslog), and RTMT's AlertLog (docs/cucm-traces.md). It tells
// records, when they were, the SIP messages in them, and the alarms about devices; and it
// cuts a window out of a file and says what of the window is missing.
//
// It guarantees that records tile their input: one after the other they are the input, byte
// for byte, whatever that is. Nothing is held whole: a record is at most [MaxRecord], a longer
// one comes in pieces. A record whose time cannot be right has that of the one before it, and
// is marked. What is not understood stays text.
//
// It is pure: no network, no files but those that are opened for it. It does not know where
// files come from, nor what records mean for a phone.
package cucmtrace
