// Package logset holds the log files of one host open, and finds a window in them.
//
// A Holder opens every file of every family before much of any is read, and lists the
// folder again until nothing unheld shows. A file is known by its first bytes, never by
// its name. Each family's open files are a Set; its Plan has, the oldest file first,
// what there is of a window, found by search and not by reading all.
//
// It guarantees that what came and went between two listings, or was cut off under the
// hand, shows: as Missed, Truncated or a Break. It reads only.
//
// It does not know what is done with the files, nor what of them is on disk already.
package logset
