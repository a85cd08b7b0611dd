// Package lab is a laboratory in this process: Expressways whose logs grow and
// rotate, phones that register through them to a CUCM, RTMT's mails and a mailbox
// with IDLE, all on real loopback sockets. `grab demo` and the tests run on it.
//
// It guarantees that what it wrote is known: every record of every log has a row
// in [Expressway.Truth], with its bytes' hash, when it was on disk and when it was
// removed. With the same seed and the same start the same records are made. What
// it starts, Close waits for. The shapes follow docs/expressway-logs.md,
// docs/expressway-ssh.md, docs/partial-registration.md and docs/rtmt-mail.md;
// names and addresses in them are examples.
//
// [Scenarios] is a table of sites with a truth of their own: what happens to their
// phones, and what a report made from the logs alone may say and must not.
//
// It does not know the rest of grab: neither what is fetched nor what is
// concluded. It listens on loopback addresses only. Whoever logs in to one of its
// Expressways may read, and only read, every file that this process may read.
package lab
