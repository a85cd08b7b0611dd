package fetch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

const (
	badPlaces = 4         // of one file that are gone around
	badStep   = 512 << 10 // bytes that are tried at once towards a bad place
	badBlock  = 4 << 10   // and at last
	badLength = 16 << 20  // bytes behind the beginning of a bad place in which its end is looked for
)

// A detour copies what of a file lies about places that the host cannot read, for its disk is bad there.
type detour struct {
	*copier
	src source
}

// take copies [from, to), and notes what time the bad places cost. why is the host's answer to the
// first of them, which is told when all else is copied. An error is another one.
func (c detour) take(ctx context.Context, from, to int64, why error) error {
	c.unread = cmp.Or(c.unread, why)
	for n := 0; ; n++ {
		bad, err := c.upTo(ctx, from, to)
		if err != nil {
			return err
		}
		if bad == to {
			c.found()
			return nil
		}
		hole := evidence.Span{Since: c.lastBefore(bad), Until: c.now(), Reason: evidence.ReasonRead}
		next, ok := expressway.Line{}, false
		if n < badPlaces {
			next, ok = c.behind(bad, to)
		}
		if !ok {
			hole.Until = c.plan.FirstAfter(evidence.Later(hole.Since, c.src.info.First), hole.Until)
			c.leftOut = append(c.leftOut, hole)
			return nil
		}
		hole.Until = next.Time.Add(logset.Disorder)
		c.leftOut = append(c.leftOut, hole)
		from = next.Offset
	}
}

// found takes back that a file is missing in which the window could not be looked for, where all of
// it was copied but for what is noted.
func (c detour) found() {
	file := c.src.info
	c.set.Missed = slices.DeleteFunc(c.set.Missed, func(m logset.Missed) bool {
		return m.Reason == evidence.ReasonRead && m.Name == file.Name && m.Size == file.Size && m.MTime.Equal(file.MTime)
	})
}

// upTo copies [from, to) of a file up to the place that cannot be read, which it returns; to: there is none.
func (c detour) upTo(ctx context.Context, from, to int64) (int64, error) {
	for step := int64(badStep); ; {
		parts := c.f.lacking(c.src.info, c.src.origin, from, to)
		if len(parts) == 0 {
			return to, nil
		}
		at := parts[0].from
		err := c.fill(ctx, c.src, at, min(at+step, parts[0].to))
		switch {
		case err == nil:
		case !hostconn.IsAnswer(err):
			return at, err
		case step > badBlock:
			step /= 2
		default:
			if e := parts[0].extent; e != nil {
				c.store.cutRecord(e)
			}
			return at, nil
		}
	}
}

// lastBefore is the time, by the host's clock, up to which what is on disk of a file before a place is whole.
func (c detour) lastBefore(place int64) (t time.Time) {
	for _, e := range c.f.of(c.src.info) {
		if last, _ := c.store.lastRecord(e); e.end() <= place && last.After(t) {
			t = last
		}
	}
	if t.IsZero() {
		return c.cut.Since
	}
	return t.Add(-logset.Disorder)
}

// behind is the first record behind a place that cannot be read.
func (c detour) behind(bad, to int64) (expressway.Line, bool) {
	for off := int64(badBlock); off <= badLength && bad+off < to; off *= 2 {
		b := make([]byte, min(to-bad-off, logset.ProbeReach))
		n, err := c.src.ReadAt(b, bad+off)
		if err != nil && !errors.Is(err, io.EOF) && !hostconn.IsAnswer(err) {
			return expressway.Line{}, false // the next read tells
		}
		lines := expressway.LinesOf(b[:n], bad+off, c.set.Ref(c.src.info.MTime))
		for i := 0; ; i++ {
			line, err := lines.Next()
			if err != nil {
				break
			}
			if line.Head && i > 0 { // the first one may begin before
				return line, true
			}
		}
	}
	return expressway.Line{}, false
}
