package alerts

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

const (
	freshFor   = 10 * time.Minute // an alert that is on the hub for no longer does not wait behind older ones
	freshIdle  = time.Minute      // after which the hub forgets by what those were heard
	freshAgain = time.Minute      // after the hub has refused that
)

// Behind is what waits at the hub for this collector, of sites that it hears of together.
type Behind struct {
	Sites   []string
	Waiting uint64        // alerts
	Since   time.Time     // when the one that was heard last came to the hub, by the hub's clock; zero: none was heard yet
	Lasts   time.Duration // for which something has waited
	Left    time.Duration // until all of that is heard, at the pace until now
	Wait    time.Duration // of an alert that comes now
	Fresh   bool          // what is not older than freshFor is heard beside
}

// A lag is how far the alerts of some sites are heard by one consumer.
type lag struct {
	ahead   time.Duration // the hub's clock, to ours
	waiting uint64        // at the hub, behind the last that came
	stored  time.Time     // when that came to the hub, by the hub's clock
	since   time.Time     // something waits; zero: nothing does
	taken   uint64        // since then
}

// heard notes that n alerts were taken, the last of which came to the hub at stored, with so many behind it.
func (l *lag) heard(n int, stored time.Time, waiting uint64, now time.Time) {
	l.stored, l.waiting = stored, waiting
	switch {
	case waiting == 0:
		l.since, l.taken = time.Time{}, 0
	case l.since.IsZero():
		l.since, l.taken = now, 0
	default:
		l.taken += uint64(n)
	}
}

// age is for how long the last that was heard had been on the hub.
func (l *lag) age(now time.Time) time.Duration {
	if l.stored.IsZero() {
		return 0
	}
	return max(0, now.Add(l.ahead).Sub(l.stored))
}

// wait is how long one that comes now waits at the pace until now; until the first ones are taken, as if they were soon.
func (l *lag) wait(now time.Time) time.Duration {
	if l == nil || l.since.IsZero() {
		return 0
	}
	lasts := now.Sub(l.since)
	return time.Duration(float64(lasts) * float64(l.waiting) / float64(max(atOnce, l.taken)))
}

// lags are those of one hearing: what is older than freshFor may be heard beside what is not.
type lags struct {
	sites []string
	mu    sync.Mutex
	all   lag
	fresh *lag // nil: it is not heard beside
}

func (l *lags) heard(fresh bool, batch []jetstream.Msg) {
	meta, err := batch[len(batch)-1].Metadata()
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	of := &l.all
	if fresh {
		of = l.fresh
	}
	if of != nil {
		of.heard(len(batch), meta.Timestamp, meta.NumPending, time.Now())
	}
}

// begin notes what waits when a consumer is first asked.
func (l *lags) begin(fresh bool, info *jetstream.ConsumerInfo) {
	now := time.Now()
	of := lag{waiting: info.NumPending}
	if !info.TimeStamp.IsZero() {
		of.ahead = info.TimeStamp.Sub(now)
	}
	if of.waiting > 0 {
		of.since = now
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if fresh {
		l.fresh = &of
	} else {
		l.all = of
	}
}

// looked notes what waits by what the hub says, where nothing comes that would say it.
func (l *lags) looked(info *jetstream.ConsumerInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch waits := info.NumPending; {
	case waits == 0 && info.NumAckPending == 0:
		l.all.since, l.all.waiting = time.Time{}, 0
	case waits > 0 && l.all.since.IsZero():
		l.all.since, l.all.taken, l.all.waiting = time.Now(), 0, waits
	}
}

func (l *lags) endFresh() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fresh = nil
}

// old reports whether alerts are heard that are older than freshFor, with others behind them.
func (l *lags) old() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.waiting > 4*atOnce && l.all.age(time.Now()) > freshFor
}

// hubNow is the hub's clock.
func (l *lags) hubNow() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Add(l.all.ahead)
}

// behind is what waits; false: nothing does.
func (l *lags) behind() (b Behind, is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all.since.IsZero() {
		return b, false
	}
	now := time.Now()
	b = Behind{Sites: l.sites, Waiting: l.all.waiting, Since: l.all.stored, Lasts: now.Sub(l.all.since), Left: l.all.wait(now), Fresh: l.fresh != nil}
	if b.Wait = b.Left; b.Fresh {
		b.Wait = l.fresh.wait(now)
	}
	return b, true
}

// hearing has it be known how far the sites are heard until closed is called.
func (x *Exchange) hearing(sites []string) (l *lags, closed func()) {
	l = &lags{sites: sites}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.by = append(x.by, l)
	return l, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.by = slices.DeleteFunc(x.by, func(other *lags) bool { return other == l })
	}
}

// hearFresh hears, beside what came long ago, of what comes now, and has come of late, for as long as old
// alerts are in the way. What is taken here comes by the other consumer too, when it is its turn: until then
// the hub keeps it for this collector, and the journal knows it by its ID.
func (x *Exchange) hearFresh(ctx context.Context, h *hub.Hub, of hearing, l *lags) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if l.old() {
			err := x.freshUntil(ctx, h, of, l)
			l.endFresh()
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				x.log.Debug("new alerts wait behind old ones", "of", of, "err", err)
				if !pause(ctx, freshAgain) {
					return
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// freshUntil hears of fresh alerts until no old ones are in their way.
func (x *Exchange) freshUntil(ctx context.Context, h *hub.Hub, of hearing, l *lags) error {
	return x.beside(ctx, h, of, beside{
		since: l.hubNow().Add(-freshFor), begun: func(info *jetstream.ConsumerInfo) { l.begin(true, info) }, heard: func(batch []jetstream.Msg) { l.heard(true, batch) },
		over: func() bool { return !l.old() },
	})
}

// A beside is what is heard beside the consumer that the hub keeps for the collector.
type beside struct {
	since time.Time // it came to the hub; zero: at any time
	begun func(*jetstream.ConsumerInfo)
	heard func([]jetstream.Msg)
	over  func() bool // asked every second
}

// beside hears by a consumer for once, until that is over.
func (x *Exchange) beside(ctx context.Context, h *hub.Hub, of hearing, b beside) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	config := of.config()
	config.Durable, config.InactiveThreshold, config.Replicas, config.MemoryStorage = "", freshIdle, 1, true
	from(&config, b.since)
	asked, done := context.WithTimeout(ctx, answerIn)
	consumer, err := h.Stream.CreateConsumer(asked, fleet.AlertStream, config)
	done()
	if err != nil {
		return fmt.Errorf("a consumer for once: %w", err)
	}
	b.begun(consumer.CachedInfo())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for !b.over() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		cancel()
	})
	err = x.takeAll(ctx, consumer, of, func(batch []jetstream.Msg) error {
		err := x.takeBySite(ctx, batch, leave)
		if err == nil {
			b.heard(batch)
		}
		return err
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// leave leaves what can be no alert to the other consumer.
func leave(_ string, m jetstream.Msg, _ error) { _ = m.Ack() } // or it comes again

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
