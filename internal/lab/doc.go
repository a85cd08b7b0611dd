// Package lab is a laboratory in this process: Expressways with an SSH server on a
// real loopback socket, whose logs grow and rotate, and whose clocks, connections and
// manners can be spoilt. `grab demo` and the tests run on it.
//
// It guarantees that what it wrote is known: every record of every log has a row
// in [Expressway.Truth], with its bytes' hash, when it was on disk and when it was
// removed. With the same seed and the same start the same records are made. What
// it starts, Close waits for. The shapes follow docs/expressway-logs.md and
// docs/expressway-ssh.md; names and addresses in them are examples.
//
// It does not know the rest of grab: neither what is fetched nor what is
// concluded; nor does it know who registers through its Expressways (package mra) and
// whom RTMT writes to (package rtmt): they add records, and it stamps, writes and keeps
// account of them. It listens on loopback addresses only. Whoever logs in to one of its
// Expressways may read, and only read, every file that this process may read.
package lab
