// Package manifest says what an incident has got of its window, and what it lacks and why:
// the manifest of its bundle, or a draft of it while hosts are still asked.
//
// It reads the store and changes nothing. It guarantees that a file is called complete only
// where nothing is known to be missing: a log that holds nothing although it always holds
// something, and what stands under another offset of a clock that leapt, are missing too;
// and that a later revision that holds less than the one before it is refused. It does not
// know whether a log that seldom has a record should have had one.
package manifest
