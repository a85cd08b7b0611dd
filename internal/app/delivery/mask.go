package delivery

import (
	"context"
	"errors"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/masking"
	"rtmtgrab/internal/wiring"
)

// mask writes a masked copy of a bundle into a folder.
func (d *Dispatcher) mask(ctx context.Context, src, dir string, j handover.Job, t handover.Terms) (string, error) {
	cfg, analyst := d.Cfg(), d.Analyst
	if analyst == nil {
		analyst = analysis.New()
	}
	q := masking.Request{Path: src, Strength: mask.Strength(t.Mask), Scope: t.Scope, Case: t.Case, Out: dir, By: j.By}
	made, err := wiring.Masker(cfg, analyst).Mask(ctx, q)
	if err != nil && hopeless(err) {
		err = &sink.Error{Cause: sink.Local, Permanent: true, Err: withHint{err, advice.For(err)}}
	}
	return made.File, err
}

// hopeless reports whether masking once more would end as it did.
func hopeless(err error) bool {
	return errors.As(err, new(*mask.Found)) || errors.As(err, new(*mapfile.LostError)) || advice.Exit(err) == advice.BadUsage
}

// withHint says the next move too, for a job's error is read much later.
type withHint struct {
	error
	hint string
}

func (w withHint) Error() string {
	if w.hint == "" {
		return w.error.Error()
	}
	return w.error.Error() + "; " + w.hint
}

func (w withHint) Unwrap() error { return w.error }
