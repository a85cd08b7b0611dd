// Package hostconn is one connection to one host: SFTP, or commands where that is
// refused.
//
// A Pool shares a host's Session between all that want it, so that it is logged in to
// once, and a Keeper keeps one ready. A Conn lists a folder and opens files, a Transfer
// copies a range of one as fast as the line allows, or at a Pacer's rate.
//
// It guarantees that no call waits for a host for ever, that bytes of another file are
// never taken for those of the one that was opened, and that memory is bounded whatever
// a host answers. It only reads: nothing on a host is changed.
//
// It does not know what is in the files, which of them are one log, or for what they
// are wanted.
package hostconn
