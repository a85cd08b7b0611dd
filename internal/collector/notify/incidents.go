package notify

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

// incidentNews is what happened to incidents and was not told yet.
type incidentNews struct {
	// Handed says where the newest bundle of an incident was handed over to, or is to be, and
	// whether nothing more is to come of that soon; nil: nowhere.
	Handed func(incident.Incident) (list []channel.Handed, settled bool)
	// Named waits for the phones that CUCM names at once, for some seconds at most: the first
	// notice is to have them. nil: nobody is asked.
	Named func(ctx context.Context, key string)
	// MayTell reports whether people are told of an incident here, and not by another collector of its
	// site. It is asked again while the incident is there. nil: they are.
	MayTell func(incident.Incident) bool

	mu      sync.Mutex
	waiting []incidentEvent
	wake    chan struct{} // nil: nobody listens
}

// An incidentEvent is one thing to be told. found is the verdict of a first look, which
// is over; nil: none was begun.
type incidentEvent struct {
	runner.Event
	found *channel.Registration
}

// listen says whether anybody wants to know.
func (n *incidentNews) listen(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !on {
		n.wake, n.waiting = nil, nil
	} else if n.wake == nil {
		n.wake = make(chan struct{}, 1)
	}
}

// LookAgain lets whoever listens look again.
func (n *incidentNews) LookAgain() {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default: // it is said already, or nobody listens
	}
}

// add takes events down; first: before those that wait.
func (n *incidentNews) add(first bool, events ...incidentEvent) {
	n.mu.Lock()
	switch {
	case n.wake == nil:
	case first:
		n.waiting = append(events, n.waiting...)
	default:
		n.waiting = append(n.waiting, events...)
	}
	n.mu.Unlock()
	n.LookAgain()
}

// take gives what waits.
func (n *incidentNews) take() []incidentEvent {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.waiting
	n.waiting = nil
	return all
}

// Event records what is to be sent about incidents.
func (t *Notifier) Event(e runner.Event) {
	switch e.What {
	case runner.EventFirstPass, runner.EventSealing, runner.EventSealed:
		t.News.add(false, incidentEvent{Event: e})
	}
}

// toldIncidents is what was told, on disk.
type toldIncidents struct {
	Born time.Time               `json:"born"` // what was sealed before is not spoken of
	Told map[string]toldIncident `json:"told"` // by key
}

type toldIncident struct {
	Copied bool `json:"copied"`
	Sealed int  `json:"sealed"` // the highest revision
}

func toldFile(st *incident.Store) string { return filepath.Join(st.Dir, "notices-incidents.json") }

const (
	tellAgain = 30 * time.Second // after a notice of an incident could not be kept
	storeLook = 30 * time.Second // between two looks at what other processes sealed
)

// An incidentNotifier sends the notifications of each incident, once each. One goroutine uses it.
type incidentNotifier struct {
	*Notifier
	dispatcher *channel.Dispatcher
	file       atomicfile.JSON[toldIncidents]
	told       toldIncidents
	seen       map[string]time.Time  // as in incident.Store.Changed
	looks      map[string]*firstLook // by key; their first notices wait for them
	bad        string                // what was said of incidents that cannot be read
	wg         sync.WaitGroup        // looks
}

// newIncidentNotifier knows what earlier runs told.
func (t *Notifier) newIncidentNotifier(dispatcher *channel.Dispatcher) *incidentNotifier {
	s := &incidentNotifier{Notifier: t, dispatcher: dispatcher, seen: map[string]time.Time{}, looks: map[string]*firstLook{}}
	s.file.Path = toldFile(t.store)
	var err error
	if s.told, _, err = s.file.Recover(t.log); err != nil {
		t.log.Error("cannot read incident notifications of earlier runs", "err", err)
	}
	if s.told.Born.IsZero() || s.told.Told == nil {
		s.told = toldIncidents{Born: time.Now().UTC(), Told: map[string]toldIncident{}}
		if err := s.file.Save(s.told); err != nil {
			t.log.Warn("cannot save incident notifications", "err", err)
		}
	}
	return s
}

// run notifies about incidents until ctx ends: first of what was sealed when nobody could be
// told, then of what happens, and of what other processes seal.
func (s *incidentNotifier) run(ctx context.Context, wake <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer s.wg.Wait()
	defer cancel()
	store := time.NewTicker(cmp.Or(s.StoreEvery, storeLook))
	defer store.Stop()
	var todo []incidentEvent
	look := true
	for {
		todo = append(append(s.finishedLooks(ctx), todo...), s.News.take()...)
		if look { // last: what was waiting came before
			todo = append(todo, s.sealed()...)
		}
		todo, look = s.notifyAll(ctx, todo), false
		var again <-chan time.Time
		if len(todo) > 0 {
			again = time.After(tellAgain)
		}
		select {
		case <-ctx.Done():
			for _, f := range s.looks { // after a reload they are looked at anew
				todo = append(todo, f.event)
			}
			s.News.add(true, todo...)
			return
		case <-wake:
		case <-again:
		case <-store.C:
			look = true
		}
	}
}

// notifyAll returns what could not be told. A first notice whose look is not over when
// its incident is about to be sealed goes without, before all else of it.
func (s *incidentNotifier) notifyAll(ctx context.Context, todo []incidentEvent) (left []incidentEvent) {
	tell := func(e incidentEvent) {
		if err := s.notifyIncident(ctx, e); err != nil {
			left = append(left, e)
			if ctx.Err() == nil && !errors.Is(err, errOnItsWay) && !errors.Is(err, errNotOurs) {
				s.log.Warn("incident notification is delayed", "incident", e.Incident, "err", err)
			}
		}
	}
	for _, e := range todo {
		if f := s.looks[e.Key]; f != nil && e.What != runner.EventFirstPass {
			delete(s.looks, e.Key)
			tell(f.end(notFound(ErrOvertaken)))
		}
		tell(e)
	}
	return left
}

// sealed finds revisions of incidents of alerts that were sealed and not told, and
// forgets incidents that are no more.
func (s *incidentNotifier) sealed() (todo []incidentEvent) {
	list, err := s.store.Changed(s.seen)
	if err != nil && err.Error() != s.bad {
		s.bad = err.Error() // once, for it may stay
		s.log.Warn("cannot tell whether every incident was notified", "err", err)
	}
	for _, in := range list {
		n := len(in.Revisions)
		fresh := n > 0 && in.Revisions[n-1].Sealed.After(s.told.Born) && in.Revision > s.told.Told[in.Key].Sealed
		if fresh && in.Kind == incident.KindAlert && in.State == incident.Sealed {
			todo = append(todo, incidentEvent{Event: runner.Event{What: runner.EventSealed, Incident: in.ID, Key: in.Key}})
		}
	}
	if errors.Is(err, incident.ErrList) {
		return todo // nothing was seen: what was told is not to be told again
	}
	for key := range s.told.Told {
		if _, there := s.seen[key]; !there {
			delete(s.told.Told, key)
		}
	}
	return todo
}

// errNotOurs is that another collector may tell of an incident.
var errNotOurs = errors.New("another collector of the site may have told it")

// errOnItsWay is that a notice waits for the place to which the bundle is handed over.
var errOnItsWay = errors.New("the bundle is being handed over")

// handedWait is how long a notice waits for that.
const handedWait = 2 * time.Minute

// onItsWay reports whether the notice is to wait until it can say where the bundle is.
func (s *incidentNotifier) onItsWay(in incident.Incident) bool {
	n := len(in.Revisions)
	if s.News.Handed == nil || n == 0 || time.Since(in.Revisions[n-1].Sealed).Abs() > handedWait {
		return false
	}
	_, settled := s.News.Handed(in)
	return !settled
}

// notifyIncident tells one thing, once. A first notice that has no verdict yet waits for one.
func (s *incidentNotifier) notifyIncident(ctx context.Context, e incidentEvent) error {
	if e.What == runner.EventSealing {
		return nil
	}
	in, err := s.store.Load(e.Key)
	if errors.Is(err, incident.ErrNotFound) || err == nil && in.Kind != incident.KindAlert {
		return nil // merged, removed, or a person's own, who sees it
	}
	if err != nil {
		return err
	}
	if e.What == runner.EventSealed && in.State != incident.Sealed {
		return nil // taken up again just now: what comes of that is seen in the store
	}
	was := s.told.Told[in.Key]
	now, kind := was, channel.KindCopied
	if e.What == runner.EventSealed {
		now.Sealed, kind = max(was.Sealed, in.Revision), channel.KindSealed
	}
	now.Copied = true
	if now == was || kind == channel.KindCopied && was.Sealed > 0 {
		return nil
	}
	if s.News.MayTell != nil {
		switch {
		case kind == channel.KindCopied && in.State == incident.Sealed && !in.Fleet.IsZero():
			return nil // it was not known whose it was until there was more to say
		case !s.News.MayTell(in):
			return errNotOurs
		}
	}
	if kind == channel.KindCopied && e.found == nil {
		s.startFirstLook(ctx, in, e)
		return nil
	}
	if kind == channel.KindSealed && s.onItsWay(in) {
		return errOnItsWay
	}
	about, err := s.about(ctx, in, e)
	if err != nil {
		return err
	}
	if err := s.dispatcher.Notify(channel.Told(time.Now(), kind, about)); err != nil {
		return err
	}
	s.told.Told[in.Key] = now
	if err := s.file.Save(s.told); err != nil {
		s.log.Warn("cannot record that the notification was sent; it may be sent again, with the same id, after a restart", "incident", in.ID, "err", err)
	}
	s.log.Info("notification", "kind", kind, "incident", in.ID, "revision", in.Revision)
	return nil
}
