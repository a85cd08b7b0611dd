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

// A trial tries destinations, and delivers nothing.
type trial struct {
	cfg     *config.Config
	timeout time.Duration
	reached func(destination string) // nil: nobody asks
}

// all tries every destination of handover at once.
func (c trial) all(ctx context.Context) []Finding {
	found := make([]Finding, len(c.cfg.Handover)) // one element for each goroutine
	var wg sync.WaitGroup
	for i := range c.cfg.Handover {
		wg.Go(func() { found[i] = c.destination(ctx, &c.cfg.Handover[i]) })
	}
	wg.Wait()
	return found
}

func (c trial) destination(ctx context.Context, h *config.Handover) Finding {
	f := Finding{What: "handover/" + h.Name, Status: StatusOK, Detail: inWhatForm(h)}
	if err := c.try(ctx, h); err != nil {
		f.Status, f.Detail, f.Hint = StatusFail, err.Error(), hintFor(h, err)
		return f
	}
	if c.reached != nil {
		c.reached(h.Name)
	}
	if other := h.ReplacedBy(c.cfg.Handover); other != "" {
		f.Status, f.Detail = StatusWarn, fmt.Sprintf("%s puts bundles under the same names in the same place, encrypted to others: each replaces the other's", other)
		f.Hint = "name all recipients in one entry, or give one of them another folder"
	}
	return f
}

// inWhatForm says what goes there, and how.
func inWhatForm(h *config.Handover) string {
	if h.Mail != nil {
		return fmt.Sprintf("the server takes mails; each bundle's verdict and place go, mask %s, and never the bundle", h.Mask)
	}
	sealed := "not encrypted"
	if len(h.Seal) > 0 {
		sealed = "encrypted"
	}
	return fmt.Sprintf("%s can be written to; bundles go as %s, mask %s, %s", h.Sink(), h.Format, h.Mask, sealed)
}

// try says whether a delivery would come through. One that does not end when it is
// told to is left to itself: a share that hangs.
func (c trial) try(ctx context.Context, h *config.Handover) error {
	for _, site := range c.cfg.Sites {
		if to := h.Recipients(site.Name); len(to) > 0 {
			if _, err := envelope.ReadRecipients(to...); err != nil {
				return fmt.Errorf("seal: %w", err)
			}
		}
	}
	s, err := wiring.NewSink(c.cfg, h, nil)
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
