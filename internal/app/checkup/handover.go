package checkup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/wiring"
)

// sinkWait bounds the trying of one destination.
const sinkWait = 30 * time.Second

// destinations tries every destination of handover at once, and delivers nothing.
func (c *Checkup) destinations(ctx context.Context) {
	found := make([]Finding, len(c.Cfg.Handover)) // one element for each goroutine
	var wg sync.WaitGroup
	for i := range c.Cfg.Handover {
		wg.Go(func() { found[i] = c.destination(ctx, &c.Cfg.Handover[i]) })
	}
	wg.Wait()
	c.add(found...)
}

func (c *Checkup) destination(ctx context.Context, h *config.Handover) Finding {
	f := Finding{What: "handover/" + h.Name, Status: StatusOK, Detail: h.Sink() + " can be written to" + inWhatForm(h)}
	if err := c.tryDestination(ctx, h); err != nil {
		f.Status, f.Detail, f.Hint = StatusFail, err.Error(), hintFor(h, err)
		return f
	}
	if c.Reached != nil {
		c.Reached(h.Name)
	}
	return f
}

// inWhatForm says how bundles go there.
func inWhatForm(h *config.Handover) string {
	sealed := "not encrypted"
	if len(h.Seal) > 0 {
		sealed = "encrypted"
	}
	return fmt.Sprintf("; bundles go as %s, mask %s, %s", h.Format, h.Mask, sealed)
}

// tryDestination is whether a delivery would come through. One that does not end when it is
// told to is left to itself: a share that hangs.
func (c *Checkup) tryDestination(ctx context.Context, h *config.Handover) error {
	for _, site := range c.Cfg.Sites {
		if to := h.Recipients(site.Name); len(to) > 0 {
			if _, err := envelope.ReadRecipients(to...); err != nil {
				return fmt.Errorf("seal: %w", err)
			}
		}
	}
	s, err := wiring.NewSink(c.Cfg, h)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.timeout, sinkWait))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Check(ctx) }() // ends with the check, or with the program
	select {
	case err = <-done:
	case <-ctx.Done():
		err = &sink.Error{Cause: sink.Timeout, Err: errors.New("it did not answer in time")}
	}
	return err
}

func hintFor(h *config.Handover, err error) string {
	var e *sink.Error
	if errors.As(err, &e) {
		return delivery.Hint(h.Sink(), e.Cause)
	}
	return "check handover: in the configuration; docs/handover.md has a tested one for each kind"
}
