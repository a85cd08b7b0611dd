package growth

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

const (
	leastStep = 2 * time.Second // what is less than that is none
	drift     = 200             // parts per million by which two clocks come apart
	clockGap  = 24 * time.Hour  // between two measurements: what is longer tells of no step
	mostSteps = 16              // of a host; the newest are kept
)

// A Clock is one measurement of a host's clock.
type Clock struct {
	At     time.Time     `json:"at"`
	Offset time.Duration `json:"offset_ns"` // host minus collector
	Doubt  time.Duration `json:"doubt_ns"`  // by how much that may be wrong either way
}

// A Step is a leap of a host's clock, some time between two measurements.
type Step struct {
	From   time.Time     `json:"from"`
	Until  time.Time     `json:"until"`
	Before time.Duration `json:"before_ns"` // the offset until then
	After  time.Duration `json:"after_ns"`
}

// By is how far the clock leapt.
func (s Step) By() time.Duration { return s.After - s.Before }

// measured takes a measurement into account.
func (h *Host) measured(c Clock) {
	c.At = c.At.UTC().Round(0)
	h.Steps = slices.DeleteFunc(h.Steps, func(s Step) bool { return s.Until.After(c.At) }) // by a clock of this machine that was set back since
	was := h.Clock
	h.Clock = &c
	if was == nil {
		return
	}
	gap := c.At.Sub(was.At)
	if gap < 0 || gap > clockGap {
		return
	}
	if (c.Offset - was.Offset).Abs() <= leastStep+was.Doubt+c.Doubt+gap*drift/1e6 {
		return
	}
	h.Steps = append(h.Steps, Step{From: was.At, Until: c.At, Before: was.Offset, After: c.Offset})
	if n := len(h.Steps) - mostSteps; n > 0 {
		h.Steps = slices.Delete(h.Steps, 0, n)
	}
}

// stepsIn are the steps that may have been in a window.
func (h *Host) stepsIn(w evidence.Window) (steps []Step) {
	for _, s := range h.Steps {
		if s.From.Before(w.Until) && s.Until.After(w.Since) {
			steps = append(steps, s)
		}
	}
	return steps
}
