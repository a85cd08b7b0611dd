package fetch

import (
	"context"
	"time"

	"rtmtgrab/internal/evidence"
)

// leastCopy is how many bytes have to fit on the disk for a copy to begin.
const leastCopy = 64 << 10

// keepToRoom leaves out of the plans what is farthest from the alert, if the disk has no
// room for all that is not on it: that comes with a later pass. What a compressed file
// becomes is known only when it is unpacked: it is copied after the rest then.
func keepToRoom(a *aim, copiers []*copier, share Share) error {
	reserve, hosts := share.Reserve, int64(max(share.Among, 1))
	left, known := reserve.Left()
	if !known {
		return nil
	}
	var lacking, packed int64
	lacks := make([]int64, len(copiers))
	for i, c := range copiers {
		lacks[i] = lackingPlain(c)
		lacking += lacks[i]
		packed += lackingPacked(c)
	}
	if a.noRoom = reserve.Refusal(hosts * (lacking + packed*mayUnpackTo)); a.noRoom == nil || hosts*lacking <= left {
		return nil
	}
	left /= hosts
	if a.noRoom = reserve.Refusal(hosts * lacking); a.noRoom == nil || left < min(lacking, leastCopy) {
		return a.noRoom
	}
	for i, c := range copiers {
		have := c.wanted() - lacks[i]
		k, err := c.trim(have + int64(float64(left)/float64(lacking)*float64(lacks[i])))
		if err != nil {
			return err
		}
		c.fits = k
	}
	return nil
}

// lackingPlain and lackingPacked are how many bytes of the plan are not on disk, as the
// host has them.
func lackingPlain(c *copier) (n int64) {
	for _, f := range c.plan.Files {
		if f.Found != nil {
			n += c.f.missingOf(f)
		}
	}
	return n
}

func lackingPacked(c *copier) int64 { return c.missing() - lackingPlain(c) }

// copyWhatFits copies, where there is no room for all, what of the uncompressed files
// there is room for. The error is that it was not all of it.
func copyWhatFits(ctx context.Context, c *copier) error {
	if c.noRoom == nil {
		return nil
	}
	since := c.fits.since
	for _, file := range c.plan.Files {
		if file.Gzip && file.Found == nil {
			since = time.Time{}
			continue
		}
		changed, err := c.copyFile(ctx, file, true)
		switch {
		case err != nil:
			return err
		case changed && c.fits != (kept{}):
			return c.noRoom // the next pass looks again
		case changed:
			return nil // copy does
		}
		if since.IsZero() {
			since = file.First
		}
	}
	if c.fits == (kept{}) {
		return nil
	}
	until := c.now()
	if !c.fits.until.IsZero() {
		until = evidence.Earlier(until, c.fits.until)
	}
	if since = evidence.Later(since, c.fits.since); !since.IsZero() {
		c.f.cover(evidence.Window{Since: since, Until: until}, c.asked, c.clock.Offset)
	}
	return c.noRoom
}
