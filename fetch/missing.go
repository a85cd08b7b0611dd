package fetch

import (
	"context"
	"errors"
	"hash"
	"io"
	"slices"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// stopping reports whether ctx was cancelled without a cause: nobody waits for an
// answer.
func stopping(ctx context.Context) bool { return context.Cause(ctx) == context.Canceled }

// stoppable is a reader that ends when nobody waits for it any more.
type stoppable struct {
	ctx context.Context
	io.Reader
}

func (s stoppable) Read(b []byte) (int, error) {
	if stopping(s.ctx) {
		return 0, context.Canceled
	}
	return s.Reader.Read(b)
}

type countHash struct {
	hash.Hash
	n int64
}

func (c *countHash) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return c.Hash.Write(b)
}

// holes are what runs of NULs in a slice say is missing, and what a clock that is
// certainly wrong says.
func (g *Grab) holes(holes []expressway.Hole, asked evidence.Window) (spans []evidence.Span) {
	offset := g.store.state.clock().Offset
	for _, h := range holes {
		if h.Before.IsZero() {
			h.Before = asked.Until.Add(offset)
		}
		spans = append(spans, span(h.After, h.Before, evidence.ReasonRead, offset)...)
	}
	if ahead := g.store.state.Ahead; ahead > logset.UnknownClock {
		spans = append(spans, evidence.Span{Since: asked.Until.Add(logset.UnknownClock - ahead), Until: asked.Until, Reason: evidence.ReasonClock})
	}
	return spans
}

// missing lists the parts of asked that are not covered, and those in spans.
func (f *family) missing(asked evidence.Window, err error, spans []evidence.Span) []evidence.Span {
	reason := evidence.ReasonRotated
	switch {
	case err != nil && (len(f.Covered) == 0 || atomicfile.Full(err)): // without room what is nearest the alert comes first
		reason = faultReason(err)
	case f.Absent:
		reason = evidence.ReasonAbsent
	case f.NoRecords:
		reason = evidence.ReasonRead
	}
	spans = slices.Concat(spans, f.unlessRing(f.Lost), f.unlessRing(f.Gaps))
	at := asked.Since
	for _, c := range f.withRing(asked) {
		if c.Since.After(at) {
			spans = append(spans, evidence.Span{Since: at, Until: c.Since, Reason: reason})
		}
		if c.Until.After(at) {
			at = c.Until
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		reason = faultReason(err)
	}
	if at.Before(asked.Until) {
		spans = append(spans, evidence.Span{Since: at, Until: asked.Until, Reason: reason})
	}
	return uncovered(evidence.Merge(asked, spans), f.Lent)
}

// faultReason finds the evidence.Reason… that an error stands for.
func faultReason(err error) string {
	if f, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); ok {
		return f.Reason()
	}
	switch {
	case atomicfile.Full(err):
		return evidence.ReasonDisk
	case hostconn.IsAnswer(err):
		return evidence.ReasonRead
	}
	return evidence.ReasonUnreachable
}
