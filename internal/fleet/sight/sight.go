// Package sight is how collectors of a tenant know of each other, and how people see all of
// them: what each says of itself, whether one has fallen silent, and what became of incidents.
//
// It guarantees that what a collector says names no person, no phone and no mailbox; that a
// collector which fell silent without a goodbye is told of by one of the others and no second
// one, for as long as that one is there, and is told of again only after it came back; and
// that nobody is missed while it is the hub that cannot be asked. All that is read of others is
// bounded. It does not know how people are told, nor what is to follow from a silence.
package sight

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// A Sight is one collector's: it says how that is, and looks after the others. Its methods
// may be called by several goroutines; Run by one at a time.
type Sight struct {
	Name    func() string         // the collector's
	Self    func() status.Report  // how it is now
	Waiting func() int            // messages that wait for the hub; nil: none do
	CanTell func() bool           // people can be told of a problem here; nil: they can
	Told    func(key string) bool // they were told of that one; nil: nobody knows
	Log     *slog.Logger

	Every   time.Duration // between two words; zero: fleet.StatusEvery
	Silence time.Duration // after which a collector is missed; zero: fleet.StatusFor

	once     sync.Once
	instance string
	others   table
	clock    witnesses
}

// Bounds of one call to the hub.
const (
	callFor    = 10 * time.Second
	goodbyeFor = 2 * time.Second
)

func (s *Sight) every() time.Duration {
	if s.Every > 0 {
		return s.Every
	}
	return fleet.StatusEvery
}

func (s *Sight) silence() time.Duration {
	if s.Silence > 0 {
		return s.Silence
	}
	return fleet.StatusFor
}

// buckets are those that it works with.
type buckets struct{ status, presence jetstream.KeyValue }

func open(ctx context.Context, js jetstream.JetStream) (b buckets, err error) {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	if b.status, err = js.KeyValue(ctx, fleet.StatusBucket); err != nil {
		return b, missing(fleet.StatusBucket, err)
	}
	if b.presence, err = js.KeyValue(ctx, fleet.PresenceBucket); err != nil {
		return b, missing(fleet.PresenceBucket, err)
	}
	return b, nil
}

func missing(bucket string, err error) error {
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return fmt.Errorf("the hub has no bucket %s: run `grab hub init` there again", bucket)
	}
	return fmt.Errorf("bucket %s: %w", bucket, err)
}

// Run says how the collector is and looks after the others until ctx ends, and then says
// that it leaves. It returns earlier with what the hub refuses.
func (s *Sight) Run(ctx context.Context, h *hub.Hub) error {
	s.once.Do(func() { s.instance = rand.Text() })
	b, err := open(ctx, h.Stream)
	if err != nil {
		return err
	}
	me := s.Name()
	s.others.begin(time.Now())
	looking, stop := context.WithCancel(ctx)
	var looked error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer stop()
		looked = s.look(looking, h, b, me)
	})
	err = s.speak(looking, h, b, me)
	stop()
	wg.Wait()
	if ctx.Err() != nil {
		s.leave(ctx, b, me)
		s.others.clear()
		return nil
	}
	return errors.Join(looked, err)
}

// speak says how the collector is, again and again, and soon when that has changed. Two words are
// somewhat less than Every apart, so that those who began at once do not speak at once for ever.
func (s *Sight) speak(ctx context.Context, h *hub.Hub, b buckets, me string) error {
	look := time.NewTicker(max(s.every()/6, 10*time.Millisecond))
	defer look.Stop()
	var said fleet.Status
	var due time.Time
	for {
		if h.Wait(ctx) != nil {
			return nil
		}
		if word := s.word(me); !time.Now().Before(due) || differ(said, word) || s.others.belied(me) {
			switch err := s.say(ctx, b, me, word); {
			case err == nil:
				wait := s.every()
				said, due = word, time.Now().Add(wait-mrand.N(wait/4+1))
			case ctx.Err() == nil && h.Down() == nil:
				return err
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// differ reports whether somebody should hear soon how a collector is now.
func differ(a, b fleet.Status) bool {
	return a.State != b.State || a.NotSites != b.NotSites || a.AllSites != b.AllSites || !slices.Equal(a.Keys, b.Keys)
}

// word is what the collector says of itself now.
func (s *Sight) word(me string) fleet.Status {
	r := s.Self()
	s.clock.report(r)
	w := Word(r)
	w.Collector, w.Instance = me, s.instance
	if s.Waiting != nil {
		w.Outbox = s.Waiting()
	}
	return w
}

// say says it, and that the collector is there if the hub has something else.
func (s *Sight) say(ctx context.Context, b buckets, me string, word fleet.Status) error {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	if s.others.presence(me).State != fleet.Here {
		here := fleet.Presence{Collector: me, State: fleet.Here, Since: time.Now().UTC()}
		if err := put(ctx, b.presence, me, here, func(rev uint64) { s.others.present(here, rev) }); err != nil {
			return err
		}
	}
	return put(ctx, b.status, me, word, s.others.spoke)
}

func put(ctx context.Context, kv jetstream.KeyValue, name string, doc any, done func(revision uint64)) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	rev, err := kv.Put(ctx, fleet.Token(name), b)
	if err != nil {
		return fmt.Errorf("write to bucket %s: %w", kv.Bucket(), err)
	}
	done(rev)
	return nil
}

// leave says that the collector ends, so that nobody misses it.
func (s *Sight) leave(ctx context.Context, b buckets, me string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyeFor)
	defer cancel()
	left := fleet.Presence{Collector: me, State: fleet.Left, Since: time.Now().UTC()}
	err := put(ctx, b.presence, me, left, func(rev uint64) { s.others.present(left, rev) })
	if err == nil {
		err = b.status.Delete(ctx, fleet.Token(me))
	}
	if err != nil {
		s.Log.Info("the hub was not told that this collector leaves: the others will miss it", "err", err)
	}
}

// Word is what a collector says of itself when its report is r.
func Word(r status.Report) fleet.Status {
	w := fleet.Status{Version: r.Version, Started: r.Started, Sent: r.Now, State: fleet.StateWorks, Problems: len(r.Problems), Open: len(r.Incidents), AllSites: len(r.Sites)}
	switch {
	case !r.Works:
		w.State = fleet.StateBlocked
	case len(r.Problems) > 0:
		w.State = fleet.StateProblems
	}
	seen := map[string]bool{}
	for _, p := range r.Problems {
		if key := fleet.ProblemKey(p.Key); !seen[key] {
			seen[key] = true
			w.Keys = append(w.Keys, key)
		}
	}
	for _, site := range r.Sites {
		w.Sites = append(w.Sites, fleet.SiteWord{Site: site.Site, Works: site.Works, Planned: site.Planned})
		if !site.Works && !site.Planned {
			w.NotSites++
		}
	}
	w.Bound()
	return w
}
