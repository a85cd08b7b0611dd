// Package ring keeps a rolling copy of one host's logs on this machine: what an alert
// that comes late would not find on the host any more.
//
// A Keeper adds what has come, every few seconds, to segments on disk, and removes the
// oldest. A Log is one family's part of a ring, open for reading, by this process or
// another. Each frame of a segment is proved by a hash and each line of an index by a
// check sum; entries are numbered without a gap.
//
// It guarantees that nothing but what the host had is read from it, and that what it
// lacks, for whatever reason, shows: it says of which stretches of time it has all
// records. It never fills the disk.
//
// It does not know of incidents and their slices.
package ring
