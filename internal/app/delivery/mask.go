package delivery

import (
	"cmp"
	"context"
	"errors"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/masking"
	"rtmtgrab/internal/wiring"
)

// mask writes a masked copy of a bundle into dir. Within a case if there is one to go by,
// else within the bundle's site.
func (d *Desk) mask(ctx context.Context, src, dir string, j handover.Job, t handover.Terms) (string, error) {
	cfg := d.Cfg()
	q := masking.Request{Path: src, Strength: mask.Strength(t.Mask), Scope: t.Scope, Out: dir, By: "handover to " + j.Sink}
	if q.Scope == mapfile.Case {
		q.Case = cmp.Or(j.Case, d.caseOf(j), caseOfSink(cfg, j.Sink))
	}
	if q.Scope == mapfile.Case && q.Case == "" {
		q.Scope = mapfile.Site
	}

	made, err := wiring.Masker(cfg, analysis.New()).Mask(ctx, q)
	if err != nil && ctx.Err() == nil && lasting(err) {
		err = &sink.Error{Cause: sink.Local, Permanent: true, Err: err}
	}
	return made.File, err
}

// lasting reports whether masking fails the next time too: something raw was left, or the
// map is lost.
func lasting(err error) bool {
	return errors.As(err, new(*mask.Found)) || errors.As(err, new(*mapfile.LostError))
}

// caseOfSink is the case of a destination's own.
func caseOfSink(cfg *config.Config, name string) string {
	for i := range cfg.Handover {
		if cfg.Handover[i].Name == name {
			return cfg.Handover[i].Case
		}
	}
	return ""
}
