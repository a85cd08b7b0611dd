package ring

import (
	"path/filepath"
	"time"

	"rtmtgrab/internal/evidence"
)

// costSpan is the time over which a ring's cost is averaged.
const costSpan = 5 * time.Minute

// Cost says how deep a host's ring is and what it costs, family by family, from
// what is on disk: it needs neither the host nor the process that keeps the ring.
// Families without a ring are left out.
func Cost(dir string, families []string) ([]evidence.RingFamily, error) {
	var out []evidence.RingFamily
	for _, name := range families {
		l, err := Open(filepath.Join(dir, name))
		if err != nil {
			return out, err
		}
		if len(l.entries) > 0 {
			out = append(out, l.Cost(name))
		}
		l.Close()
	}
	return out, nil
}

func (l *Log) Cost(family string) evidence.RingFamily {
	c := evidence.RingFamily{Family: family, Damaged: l.Damaged()}
	for _, s := range l.segs {
		c.Bytes += s.bytes
	}
	var clock time.Duration
	for _, e := range l.entries {
		if e.Seen != nil {
			c.Until = e.Seen.At
			if e.Seen.Clock != nil {
				clock = *e.Seen.Clock
			}
		}
	}
	for _, w := range l.Spans(clock) {
		if c.Since.IsZero() || w.Since.After(c.Since) {
			c.Since = evidence.Clamp(w.Since)
		}
		c.Breaks++
	}
	c.Breaks = max(c.Breaks-1, 0)
	c.PerMin, c.StoredPerMin = l.rate()
	return c
}

// rate is bytes a minute over the last increments, as they are on the host and as
// they are stored.
func (l *Log) rate() (raw, stored int64) {
	var from, to time.Time
	var n, packed int64
	for _, e := range l.entries { // of the frames since the first increment that counts
		switch {
		case e.Seen != nil && from.IsZero():
			if e.Seen.At.After(l.lastSeen().Add(-costSpan)) {
				from, to = e.Seen.At, e.Seen.At
			}
		case e.Seen != nil:
			to = e.Seen.At
		case e.Frame != nil && !from.IsZero():
			n += e.Frame.Length
			packed += e.Frame.Packed
		}
	}
	minutes := to.Sub(from).Minutes()
	if minutes <= 0 {
		return 0, 0
	}
	return int64(float64(n) / minutes), int64(float64(packed) / minutes)
}

// lastSeen is when the last increment was, by the collector's clock.
func (l *Log) lastSeen() time.Time {
	for i := len(l.entries) - 1; i >= 0; i-- {
		if s := l.entries[i].Seen; s != nil {
			return s.At
		}
	}
	return time.Time{}
}
