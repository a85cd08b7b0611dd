// Package sink is where finished bundles go: what every destination has in common. Each
// destination is a package below this one.
//
// It guarantees that what a sink reports as delivered was confirmed by the far side, by
// hash, size or status as the Receipt says, and that an error says whether another attempt
// makes sense. It does not know why something is delivered, or when to try again.
package sink

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An Artifact is a file that is delivered. It does not change between attempts.
type Artifact struct {
	Path   string // where it lies, absolute
	Name   string // what it is called at the far side: no separators, the same at each attempt
	Size   int64  // bytes
	SHA256 string // lower-case hex

	ID   string // of the delivery, hex, the same at each attempt: what a far side can tell a repeat by
	Case string // the vendor's case number, empty if there is none
	Note Note   // the answer in words, for sinks that people read

	Reached []string // whom earlier attempts reached, of a sink that goes to several: see Receipt
}

// A Note is what people read of a bundle.
type Note struct {
	Subject string // one line
	Text    string // the verdict in a few lines, plain text
}

// A Receipt says where an artifact is and how that is known.
type Receipt struct {
	Place    string // a path or URL without secrets
	Verified string // by what the far side confirmed it, one of the words below
	Sent     int64  // bytes of the artifact that this attempt sent
	Resumed  int64  // bytes that were there of an earlier attempt

	// Reached is who has it by this attempt, of a sink that goes to several: also when that
	// ended with an error. It is remembered, and they are spared at the next.
	Reached []string
}

// By what a delivery was confirmed.
const (
	BySHA256 = "sha256" // the far side's bytes, or its own hash of them
	BySize   = "size"
	ByStatus = "status" // the far side said that it has it
)

// A Sink is one destination. It is used by one goroutine at a time.
type Sink interface {
	// Deliver brings the artifact there and returns when the far side has confirmed it. A
	// repeat, after whatever end the attempt before had, leaves one whole copy; sinks that
	// cannot promise it say so in their own comment, and mark such ends as Unknown. Errors
	// are *Error, or the context's.
	Deliver(ctx context.Context, a Artifact) (Receipt, error)

	// Check says whether a delivery would come through, as far as can be told without one:
	// reached, logged in, allowed to write.
	Check(ctx context.Context) error
}

// A Cause tells what stood in the way of a delivery.
type Cause string

const (
	Unreachable Cause = "unreachable" // no connection, or it was lost
	Timeout     Cause = "timeout"     // it hung
	Certificate Cause = "certificate" // the far side's certificate or host key is not the one that is trusted
	Refused     Cause = "refused"     // the login, the token, the rights
	Full        Cause = "full"        // no room there
	Busy        Cause = "busy"        // 429, 5xx and the like
	Redirect    Cause = "redirect"    // it points elsewhere, where nothing is sent
	Mismatch    Cause = "mismatch"    // size or hash there are not those of the artifact
	Rejected    Cause = "rejected"    // it does not take this, and will not
	Local       Cause = "local"       // the artifact here cannot be read
)

// An Error is why a delivery was not confirmed.
type Error struct {
	Cause     Cause
	Permanent bool          // another attempt without a change by a person is of no use
	Unknown   bool          // the far side may have it all the same
	Alone     bool          // whatever the cause: it is about this artifact, and others may come through
	After     time.Duration // the far side asks to be left alone for so long (Retry-After); zero: it does not say
	Err       error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Cause, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether an attempt ended for good.
func Permanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent
}

// Unknown reports whether the far side may have it although the attempt failed.
func Unknown(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Unknown
}
