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
	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector/rehearsal"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

// serveNow grabs. A client that is lost changes nothing: the grab ends in the store.
func (s *server) serveNow(rw http.ResponseWriter, r *http.Request) {
	var q oneshot.Request
	s.work(rw, r, "now", &q, func(_ context.Context, d *operation) (any, error) {
		g, err := oneshot.PrepareConfigured(s.cfg(), &q)
		if err != nil {
			return nil, err
		}
		store, in, err := g.Once(s.ctx, &q, s.effort(d))
		if err != nil {
			return nil, err
		}
		return outcome(store, in)
	})
}

// outcome is what a client gets of an incident.
func outcome(store *incident.Store, in incident.Incident) (any, error) {
	m, err := oneshot.ManifestOf(store, in)
	return oneshot.Outcome{Manifest: m, Bundle: in.Bundle}, err
}

// serveRetry takes an incident up again, or makes the watcher try its own again now.
func (s *server) serveRetry(rw http.ResponseWriter, r *http.Request) {
	var q oneshot.RetryRequest
	s.work(rw, r, "retry", &q, func(ctx context.Context, d *operation) (any, error) {
		id, err := inventory.Finder{Store: func() (*incident.Store, error) { return s.store, nil }}.ID(q.Incident)
		if err != nil {
			return nil, err
		}
		in, err := s.store.Load(id)
		if err != nil {
			return nil, err
		}
		home := ""
		if in.Out != "" { // a folder of whoever had it made without the watcher
			home = s.store.Bundles()
		}
		in, err = oneshot.Retry(s.ctx, s.cfg(), s.store, in.Key, runner.RetryRequest{Out: home, Patience: q.Patience}, s.effort(d))
		if errors.Is(err, incident.ErrBusy) && s.runner.WorksOn(in.Key) {
			in, err = s.follow(ctx, in, d)
		}
		if err != nil {
			return nil, err
		}
		return outcome(s.store, in)
	})
}

// tendEvery is how often it is looked whether the watcher still works at an incident
// that is followed, beside what its events say.
const tendEvery = time.Second

// follow makes the watcher try an incident of its own again now if it waits to, and
// waits until that has come to an end. A client's leaving ends the following alone.
func (s *server) follow(ctx context.Context, in incident.Incident, d *operation) (incident.Incident, error) {
	ended := make(chan error, 1)
	end := s.followers.add(&follower{in.Key, func(e runner.Event) {
		d.event(e)
		if e.What == runner.EventFailed {
			select {
			case ended <- e.Err:
			default:
			}
		}
	}})
	defer end()
	ctx, cancel := context.WithTimeoutCause(ctx, oneshot.MaxWait, errors.New("it takes longer than a day; not waited for any more"))
	defer cancel()
	d.say("grab watch is working on %s: it retries now", in.ID)
	look := time.NewTicker(tendEvery)
	defer look.Stop()
	for s.runner.Nudge(in.Key); s.runner.WorksOn(in.Key); {
		select {
		case err := <-ended:
			return in, advice.WithHint(fmt.Errorf("incident %s: %w", in.ID, err), "grab watch retries it: see `grab list`")
		case <-d.stop:
			return in, advice.WithHint(fmt.Errorf("incident %s: not waiting any longer; grab watch goes on with it", in.ID), "`grab list`")
		case <-ctx.Done():
			return in, fmt.Errorf("incident %s: %w", in.ID, context.Cause(ctx))
		case <-look.C:
		}
	}
	in, err := s.store.Load(in.Key)
	if err == nil && in.State != incident.Sealed {
		err = fmt.Errorf("incident %s: %w", in.ID, context.Cause(s.ctx))
		if s.ctx.Err() == nil {
			err = fmt.Errorf("incident %s is %s", in.ID, in.State)
		}
	}
	return in, err
}

// serveDrill rehearses an alert. It ends with its client.
func (s *server) serveDrill(rw http.ResponseWriter, r *http.Request) {
	var q rehearsal.Ask
	s.work(rw, r, "drill", &q, func(ctx context.Context, d *operation) (any, error) {
		return s.drills.Drill(ctx, q, d.by, func(step drill.Step) { d.progress(Word{Drill: &step}) })
	})
}

// serveCheck checks the configuration as it is on disk: it may be about to be put in
// force.
func (s *server) serveCheck(rw http.ResponseWriter, r *http.Request) {
	var q checkup.Request
	s.work(rw, r, "check", &q, func(ctx context.Context, d *operation) (any, error) {
		cfg, err := config.Load(s.cfg().Path)
		if err != nil {
			return nil, advice.Usage(err)
		}
		c, err := q.Checkup(cfg)
		if err != nil {
			return nil, err
		}
		c.Pool = s.pool
		c.Looked = s.looked
		c.Reached = s.deliveries.Retry
		c.MailWorks = func(m *config.Mail) {
			if i := slices.IndexFunc(s.cfg().Mails, func(o config.Mail) bool { return reflect.DeepEqual(o, *m) }); i >= 0 {
				s.mailWorks(m.Name) // as it is in force it works again: the check has logged in
			}
		}
		c.Tell = func(f checkup.Finding, columns int) { d.progress(Word{Finding: &f, Columns: columns}) }
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-d.stop:
				cancel()
			case <-ctx.Done():
			}
		}()
		c.Perform(ctx, q)
		return c.Report(), nil
	})
}
