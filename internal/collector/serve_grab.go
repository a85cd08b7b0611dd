package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

// serveNow grabs. A client that is lost changes nothing: the grab ends in the store.
func (w *Collector) serveNow(rw http.ResponseWriter, r *http.Request) {
	var q oneshot.Request
	w.work(rw, r, "now", &q, func(_ context.Context, d *doing) (any, error) {
		g, err := oneshot.PrepareConfigured(w.cfg.Load(), &q)
		if err != nil {
			return nil, err
		}
		store, in, err := g.Once(w.local.ctx, &q, w.effort(d))
		if err != nil {
			return nil, err
		}
		return w.outcome(store, in)
	})
}

func (w *Collector) outcome(store *incident.Store, in incident.Incident) (any, error) {
	m, err := oneshot.ManifestOf(store, in)
	return oneshot.Outcome{Manifest: m, Bundle: in.Bundle}, err
}

// serveRetry takes an incident up again, or makes the watcher try its own again now.
func (w *Collector) serveRetry(rw http.ResponseWriter, r *http.Request) {
	var q oneshot.RetryRequest
	w.work(rw, r, "retry", &q, func(ctx context.Context, d *doing) (any, error) {
		in, err := w.Store.Load(q.Incident)
		if err != nil {
			return nil, err
		}
		home := ""
		if in.Out != "" { // a folder of whoever had it made without the watcher
			home = w.Store.Bundles()
		}
		in, err = oneshot.Retry(w.local.ctx, w.cfg.Load(), w.Store, in.Key, runner.RetryRequest{Out: home, Patience: q.Patience}, w.effort(d))
		if errors.Is(err, incident.ErrBusy) && w.Runner.WorksOn(in.Key) {
			in, err = w.follow(ctx, in, d)
		}
		if err != nil {
			return nil, err
		}
		return w.outcome(w.Store, in)
	})
}

// tendEvery is how often it is looked whether the watcher still works at an incident
// that is followed, beside what its events say.
const tendEvery = time.Second

// follow makes the watcher try an incident of its own again now if it waits to, and
// waits until that has come to an end. A client's leaving ends the following alone.
func (w *Collector) follow(ctx context.Context, in incident.Incident, d *doing) (incident.Incident, error) {
	ended := make(chan error, 1)
	end := w.local.follow(&follower{in.Key, func(e runner.Event) {
		d.event(e)
		if e.What == runner.EventFailed {
			select {
			case ended <- e.Err:
			default:
			}
		}
	}})
	defer end()
	d.say("grab watch is at work on %s: it tries again now", in.ID)
	look := time.NewTicker(tendEvery)
	defer look.Stop()
	for w.Runner.Nudge(in.Key); w.Runner.WorksOn(in.Key); {
		select {
		case err := <-ended:
			return in, advice.WithHint(fmt.Errorf("incident %s: %w", in.ID, err), "grab watch tries it again by itself: `grab list`")
		case <-d.job.Stop:
			return in, advice.WithHint(fmt.Errorf("incident %s: not waited for; grab watch goes on with it", in.ID), "`grab list`")
		case <-ctx.Done():
			return in, fmt.Errorf("incident %s: %w", in.ID, ctx.Err())
		case <-look.C:
		}
	}
	in, err := w.Store.Load(in.Key)
	if err == nil && in.State != incident.Sealed {
		err = fmt.Errorf("incident %s: %w", in.ID, context.Cause(w.local.ctx))
		if w.local.ctx.Err() == nil {
			err = fmt.Errorf("incident %s is %s", in.ID, in.State)
		}
	}
	return in, err
}

// serveCheck checks the configuration as it is on disk: it may be about to be put in
// force.
func (w *Collector) serveCheck(rw http.ResponseWriter, r *http.Request) {
	var q checkup.Request
	w.work(rw, r, "check", &q, func(ctx context.Context, d *doing) (any, error) {
		cfg, err := config.Load(w.cfg.Load().Path)
		if err != nil {
			return nil, advice.Usage(err)
		}
		c, err := q.Checkup(cfg)
		if err != nil {
			return nil, err
		}
		c.Pool = w.warm.pool
		c.Looked = w.health.Hosts.Checked
		c.MailWorks = func(m *config.Mail) {
			if i := slices.IndexFunc(w.cfg.Load().Mails, func(o config.Mail) bool { return reflect.DeepEqual(o, *m) }); i >= 0 {
				w.boxes.retry(m.Name) // as it is in force it works again: the check has logged in
			}
		}
		c.Tell = func(f checkup.Finding, columns int) { d.job.Progress(Word{Finding: &f, Columns: columns}) }
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-d.job.Stop:
				cancel()
			case <-ctx.Done():
			}
		}()
		c.Perform(ctx, q)
		return c.Report(), nil
	})
}
