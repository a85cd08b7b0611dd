package sight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/human"
)

// SilentKey begins the key of the problem that a collector fell silent; its name follows.
const SilentKey = "fleet/silent/"

// look looks after the others until ctx ends, or the hub refuses. What could not be heard while the
// connection was lost is no silence, and who is there has a whole round to say so afterwards.
func (s *Sight) look(ctx context.Context, h *hub.Hub, b buckets, me string) error {
	for ctx.Err() == nil {
		if err := s.follow(ctx, h, b, me); err != nil {
			return err
		}
		lost := time.Now()
		if h.Wait(ctx) == nil {
			again := time.Now().Add(hub.Backoff) // the others may be connected later than we are
			s.others.resume(lost, again, s.patience()-s.every())
		}
	}
	return nil
}

// follow looks until the watch is over.
func (s *Sight) follow(ctx context.Context, h *hub.Hub, b buckets, me string) error {
	watched := h.Watching(ctx, b.presence)
	words, err := b.status.WatchAll(ctx)
	if err != nil {
		return refused(ctx, h, b.status, err)
	}
	defer words.Stop()
	there, err := b.presence.WatchAll(ctx)
	if err != nil {
		return refused(ctx, h, b.presence, err)
	}
	defer there.Stop()

	tick := time.NewTicker(max(s.every()/6, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case e, ok := <-words.Updates():
			if !ok {
				return nil
			}
			s.hear(e, me)
		case e, ok := <-there.Updates():
			if !ok {
				return nil
			}
			s.presence(e)
		case <-tick.C:
			if watched.Over(ctx) {
				return nil
			}
			s.judge(ctx, b, me)
		case <-ctx.Done():
			return nil
		}
	}
}

// refused is an error of the hub itself; what fails because it is away is none.
func refused(ctx context.Context, h *hub.Hub, kv jetstream.KeyValue, err error) error {
	if ctx.Err() != nil || h.Down() != nil {
		return nil
	}
	return fmt.Errorf("read bucket %s: %w", kv.Bucket(), err)
}

// hear takes what a collector says of itself; nil stands between what was said before and what
// is said from now on.
func (s *Sight) hear(e jetstream.KeyValueEntry, me string) {
	if e == nil || e.Operation() != jetstream.KeyValuePut {
		return
	}
	w, err := fleet.ParseStatus(e.Key(), e.Value())
	if err != nil {
		return // of nobody, then
	}
	switch {
	case w.Collector != me:
	case w.Instance == s.instance:
		s.clock.heard(w.Sent, e.Created())
	case s.others.other(e.Revision(), time.Now()):
		s.Log.Warn("another collector of the fleet has this one's name", "name", me, "version", w.Version, "started", w.Started)
	}
	s.others.hear(w.Collector, time.Now())
}

func (s *Sight) presence(e jetstream.KeyValueEntry) {
	if e == nil {
		s.others.loaded()
		return
	}
	p, err := fleet.ParsePresence(e.Key(), e.Value())
	if e.Operation() != jetstream.KeyValuePut || err != nil { // whose it is says again that it is there
		s.others.forget(e.Key())
		return
	}
	s.others.present(p, e.Revision())
}

// judge misses who has fallen silent, sees to silences whose notifier is gone, and writes down
// what people were told.
func (s *Sight) judge(ctx context.Context, b buckets, me string) {
	patience, now := s.patience(), time.Now()
	for _, k := range s.others.all(func(k known) bool { return k.Collector != me }) {
		quiet := s.others.quiet(k.Collector, now)
		switch {
		case k.State == fleet.Here && quiet >= patience:
			s.miss(ctx, b, me, k)
		case k.State == fleet.Silent && k.Notifier == me && k.Told.IsZero() && s.Told != nil && s.Told(SilentKey+k.Collector):
			k.Told = now.UTC()
			s.swap(ctx, b, k)
		case k.State == fleet.Silent && k.Notifier != me && k.Told.IsZero() && s.others.presence(k.Notifier).State != fleet.Here && s.others.quiet("", now) >= patience:
			k.Notifier = me
			s.swap(ctx, b, k)
		}
	}
}

// patience is for how long nothing is heard of a collector until we miss it: one who can tell people
// goes first.
func (s *Sight) patience() time.Duration {
	if s.CanTell != nil && !s.CanTell() {
		return s.silence() * 3 / 2
	}
	return s.silence()
}

// miss makes a collector silent, with us as who tells. The bucket has the last word on whether
// it is: that keeps what was said to it by a clock of its own, whatever we slept through.
func (s *Sight) miss(ctx context.Context, b buckets, me string, k known) {
	call, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	switch _, err := b.status.Get(call, fleet.Token(k.Collector)); {
	case err == nil:
		s.others.hear(k.Collector, time.Now().Add(s.every()-s.silence())) // it is looked again a word later
		return
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return
	}
	k.Presence = fleet.Presence{Collector: k.Collector, State: fleet.Silent, Since: time.Now().Add(-s.silence()).UTC(), Notifier: me}
	if s.swap(ctx, b, k) {
		s.Log.Warn("a collector of the fleet has fallen silent", "collector", k.Collector)
	}
}

// swap writes a presence, unless somebody else has written it meanwhile.
func (s *Sight) swap(ctx context.Context, b buckets, k known) bool {
	doc, err := json.Marshal(k.Presence)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	rev, err := b.presence.Update(ctx, fleet.Token(k.Collector), doc, k.revision)
	if err != nil {
		return false // the watcher brings what stands there now
	}
	s.others.present(k.Presence, rev)
	return true
}

// Report adds to a report what people are to be told of here.
func (s *Sight) Report(r *status.Report) {
	me := s.Name()
	for _, k := range s.others.all(func(k known) bool { return k.State == fleet.Silent && k.Notifier == me }) {
		name := k.Collector
		r.Add(status.Problem{Key: SilentKey + name, Since: k.Since,
			What: fmt.Sprintf("collector %s of the fleet is silent: nothing was heard of it for %s, and it did not say that it ends", name, human.Span(s.silence())),
			Hint: "see to its machine, its network and its `grab watch`; `grab hub status` shows who covers its sites. If it is gone for good: `grab hub forget " + quoted(name) + "`"})
	}
	if at := s.others.doubled(time.Now(), 2*s.silence()); !at.IsZero() {
		alone := r.Fleet != nil && r.Fleet.Alone // an alert now may come to the other one
		r.Add(status.Problem{Key: fleet.NameProblem, Blocks: alone, What: fmt.Sprintf("another collector of the fleet calls itself %s, too", me),
			Hint: "give each collector a name and credentials of its own (fleet.name): what both say is mixed up, and of alerts that others see each comes to one of the two"})
	}
}

// quoted is a name as it is typed into a shell.
func quoted(name string) string {
	if strings.ContainsAny(name, " '\"$`\\&|;<>()*?#~!") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
