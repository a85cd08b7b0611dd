// Package custody is the chain of who had the evidence: who asked for it, which host gave
// it, what was read, when it was sealed, and what was done with the bundle after that.
//
// A chain is JSON lines. Each carries the SHA-256 of the line before it, line feed included,
// so that no line can be changed, taken out or put in without changing all that follow. The
// chain of a bundle ends with its sealing and follows from the manifest alone: the same
// manifest gives the same bytes. A Ledger, in the store or beside a bundle that is in
// none, goes on from there, each line fsynced. A line that a crash left torn stays where it is, and the line behind it says so.
//
// It guarantees that a reader holds one line in memory, whatever it is given. Whoever may
// write to the store may write a ledger anew from its beginning: it shows what happened to
// honest people's bundles, and where lines are missing. It does not know archives.
package custody
