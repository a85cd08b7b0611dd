package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/incident/runner"
)

// handedWait bounds the waiting for the copy in the folder of the analysts.
const handedWait = 20 * time.Second

// handed waits until the bundle is delivered.
func (d *demo) handed(ctx context.Context, w *collector.Collector, e runner.Event) (delivery.Outcome, error) {
	if e.Err != nil {
		return delivery.Outcome{}, e.Err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, handedWait, errors.New("the copy is not delivered yet"))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		in, err := w.Store.Load(e.Incident)
		if err != nil {
			return delivery.Outcome{}, err
		}
		list, settled := w.Deliveries().Outcomes(in)
		switch {
		case settled && len(list) == 1 && list[0].Place != "":
			d.step("handed over to %s: temporary name, fsynced, read back, renamed", list[0].To)
			return list[0], nil
		case settled:
			return delivery.Outcome{}, fmt.Errorf("the copy was not delivered: %+v", list)
		}
		select {
		case <-ctx.Done():
			return delivery.Outcome{}, context.Cause(ctx)
		case <-tick.C:
		}
	}
}
