package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
)

// A first look reads what the first pass copied, for the first notice. It takes no
// lock, and one look is at work at a time.
const (
	firstLookLimit = 20 * time.Second // with the wait for its turn
	firstLookMost  = 512 << 20        // bytes of slices: what is kept in memory grows with them
)

var (
	ErrOvertaken = errors.New("the bundle is being sealed: the next notification has its verdict")
	errNothing   = errors.New("no log was copied so far")
)

// A firstLook is on its way to a verdict.
type firstLook struct {
	event  incidentEvent
	ctx    context.Context // of the look
	cancel context.CancelFunc
	found  atomic.Pointer[channel.Registration] // nil until it is over
}

// end ends the look and is its notice.
func (f *firstLook) end(found *channel.Registration) incidentEvent {
	f.cancel()
	e := f.event
	e.found = found
	return e
}

func notFound(why error) *channel.Registration {
	return &channel.Registration{Preliminary: true, Why: shown(why.Error())}
}

// startFirstLook begins a look at an incident, unless there is one. Its end, or that of its time,
// wakes the incident notifier.
func (s *incidentNotifier) startFirstLook(ctx context.Context, in incident.Incident, e incidentEvent) {
	if s.looks[in.Key] != nil {
		return
	}
	limit := cmp.Or(s.LookLimit, firstLookLimit)
	f := &firstLook{event: e}
	f.ctx, f.cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("the analysis took more than %s", human.Span(limit)))
	s.looks[in.Key] = f
	s.wg.Go(func() {
		defer f.cancel()
		defer context.AfterFunc(f.ctx, s.News.LookAgain)()
		var named sync.WaitGroup
		if s.News.Named != nil {
			named.Go(func() { s.News.Named(f.ctx, in.Key) })
		}
		reg, err := s.firstVerdict(f.ctx, in)
		named.Wait()
		if err != nil {
			f.found.Store(notFound(cmp.Or(context.Cause(f.ctx), err)))
		} else {
			found := registrationTold(reg)
			found.Preliminary = true
			f.found.Store(found)
		}
		s.News.LookAgain()
	})
}

// finishedLooks is what first notices can be told: their looks are over, or their time is.
func (s *incidentNotifier) finishedLooks(ctx context.Context) (list []incidentEvent) {
	for key, f := range s.looks {
		found := f.found.Load()
		if found == nil && f.ctx.Err() == nil || ctx.Err() != nil {
			continue
		}
		if found == nil {
			found = notFound(context.Cause(f.ctx)) // its time is over
		}
		list = append(list, f.end(found))
		delete(s.looks, key)
	}
	return list
}

// firstVerdict has read what there is of an incident's logs.
func (s *incidentNotifier) firstVerdict(ctx context.Context, in incident.Incident) (*evidence.Registration, error) {
	select {
	case s.Turn <- struct{}{}:
		defer func() { <-s.Turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	m, err := manifest.Of(s.store, in)
	if err != nil {
		return nil, err
	}
	if m.Before, err = incident.Before(s.store, in); err != nil {
		s.log.Warn("earlier bundles of the site are not remembered", "incident", in.ID, "err", err)
	}
	var total int64
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			total += f.Bytes
		}
	}
	switch {
	case total == 0:
		return nil, errNothing
	case total > firstLookMost:
		return nil, fmt.Errorf("%s of logs are too much for a preliminary verdict", human.Size(total))
	}
	return s.Analyst.Look(ctx, analysis.Job{Manifest: m, Scratch: s.store.Dir, Path: func(host, _ string) string { return s.store.Slices(in.Key, host) }}, firstLookLimit)
}

// registrationTold is what a notice says of a verdict: names and words, and nothing
// that stands in a log beside.
func registrationTold(reg *evidence.Registration) *channel.Registration {
	r := &channel.Registration{Verdict: shown(reg.Verdict), Summary: evidence.Printable(reg.Summary, 1500), More: reg.More, Advice: adviceOf(reg)}
	for i, p := range reg.Phones {
		if i == channel.MaxPhones {
			r.More += len(reg.Phones) - i
			break
		}
		r.Phones = append(r.Phones, channel.Phone{Device: evidence.Printable(p.Device, 100), Verdict: shown(p.Verdict), Cause: shown(p.Cause), Confidence: shown(p.Confidence)})
	}
	return r
}

// adviceOf is the advice on the worst of what happened.
func adviceOf(reg *evidence.Registration) string {
	for _, g := range reg.Groups {
		if g.Advice != "" {
			return evidence.Printable(g.Advice, 600)
		}
	}
	for _, p := range reg.Phones {
		if p.Advice != "" {
			return evidence.Printable(p.Advice, 600)
		}
	}
	return ""
}
