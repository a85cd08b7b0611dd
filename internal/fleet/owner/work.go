package owner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

const (
	sitesEvery  = 10 * time.Second // between two looks at which sites are shared
	mostAtWork  = 4096             // alerts of a site that are in work at one collector
	fetchAtOnce = 64
	unheardFor  = time.Minute // an alert that did not come to this collector by then is released
)

// Run owns what the hub pins to this collector, and puts together what was sealed alone, until ctx ends.
func (o *Owner) Run(ctx context.Context, h *hub.Hub) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { o.putTogether(ctx) })
	works := map[string]context.CancelFunc{}
	tick := time.NewTicker(o.pace(sitesEvery))
	defer tick.Stop()
	for {
		now := map[string]bool{}
		for _, site := range o.paired() {
			now[site] = true
			if works[site] == nil {
				sctx, end := context.WithCancel(ctx)
				works[site] = end
				wg.Go(func() { o.keepSite(sctx, h, site) })
			}
		}
		for site, end := range works {
			if !now[site] {
				end()
				delete(works, site)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// keepSite works at a site until ctx ends, whatever goes wrong with the hub.
func (o *Owner) keepSite(ctx context.Context, h *hub.Hub, site string) {
	for said := ""; ctx.Err() == nil; {
		err := o.workSite(ctx, h, site)
		if err != nil && ctx.Err() == nil && err.Error() != said && !unfinished(err) {
			said = err.Error()
			o.Log.Warn("whose alerts of a site are cannot be heard from the hub; trying again", "site", site, "err", human.OneLine(err))
		}
		pause(ctx, o.pace(workEvery))
	}
}

// consumer is how a site's alerts come to its owner.
func (o *Owner) consumer(site string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: fleet.OwnConsumer(site), FilterSubject: fleet.AlertSubject(site), AckPolicy: jetstream.AckExplicitPolicy, AckWait: o.pace(ackWait),
		MaxAckPending: mostAtWork, DeliverPolicy: jetstream.DeliverAllPolicy,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{fleet.OwnGroup}, PinnedTTL: o.pace(pinnedFor),
	}
}

// Answers to the hub about an alert.
var ack, inProgress = []byte("+ACK"), []byte("+WPI")

// at is an alert in work: without its mail, for many may be for long.
type at struct {
	reply string // where the hub waits to hear of it
	since time.Time
	said  bool // that it cannot be settled yet
}

// workSite takes the alerts of a site that the hub hands to this collector, and answers for each when it is settled.
func (o *Owner) workSite(ctx context.Context, h *hub.Hub, site string) error {
	cons, err := h.Stream.Consumer(ctx, fleet.AlertStream, fleet.OwnConsumer(site))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		cons, err = h.Stream.CreateOrUpdateConsumer(ctx, fleet.AlertStream, o.consumer(site))
	}
	if err != nil {
		return fmt.Errorf("consumer of alerts: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	come, failed := make(chan jetstream.Msg), make(chan error, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { failed <- fetch(ctx, cons, come, o.pace(fetchFor)) })
	work := map[string]at{}
	tick := time.NewTicker(o.pace(workEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case m := <-come:
			o.take(work, m)
			if len(work) == 1 { // it is known at once whose it is
				o.sweep(ctx, h, site, work)
			}
		case <-tick.C:
			o.sweep(ctx, h, site, work)
		}
	}
}

// fetch asks for alerts again and again, which is by what the hub knows that it is pinned to one who lives.
func fetch(ctx context.Context, cons jetstream.Consumer, come chan<- jetstream.Msg, wait time.Duration) error {
	for ctx.Err() == nil {
		batch, err := cons.Fetch(fetchAtOnce, jetstream.FetchMaxWait(wait), jetstream.FetchPriorityGroup(fleet.OwnGroup))
		if err != nil {
			return fmt.Errorf("fetch alerts: %w", err)
		}
		if !handOn(ctx, batch, come) {
			return ctx.Err()
		}
		err = batch.Error()
		if err != nil && !errors.Is(err, jetstream.ErrPinIDMismatch) && !errors.Is(err, jetstream.ErrNoHeartbeat) && ctx.Err() == nil {
			return fmt.Errorf("fetch alerts: %w", err)
		}
	}
	return ctx.Err()
}

// handOn hands on what comes until the request is over, or ctx is: then the request is left to itself, and what
// still comes by it comes again to somebody.
func handOn(ctx context.Context, batch jetstream.MessageBatch, come chan<- jetstream.Msg) bool {
	for {
		select {
		case m, more := <-batch.Messages():
			if !more {
				return true
			}
			select {
			case come <- m:
			case <-ctx.Done():
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
}

// take takes an alert into work. What cannot be read is no alert of this version: it is left to others.
func (o *Owner) take(work map[string]at, m jetstream.Msg) {
	var a fleet.Alert
	if err := json.Unmarshal(m.Data(), &a); err != nil || !incident.IsID(a.Alert.ID) {
		o.Log.Warn("what came on the subject of alerts is none", "subject", m.Subject())
		_ = m.Term() // or it comes once more, and is looked at once more
		return
	}
	now := at{reply: m.Reply(), since: o.now()}
	if was, again := work[a.Alert.ID]; again {
		now.since, now.said = was.since, was.said
	}
	work[a.Alert.ID] = now
}

// sweep looks at every alert in work: what is settled is answered for, the rest is kept alive.
func (o *Owner) sweep(ctx context.Context, h *hub.Hub, site string, work map[string]at) {
	waiting := o.waiting(site)
	if len(work) == 0 && len(waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*askFor)
	defer cancel()
	me, _, err := o.hold(ctx, site, len(work) > 0)
	if err == nil && me.Owner {
		for _, key := range waiting {
			o.Runner.Nudge(key)
		}
		err = o.renew(ctx, site)
	}
	if err != nil {
		if !unfinished(err) {
			o.Log.Warn("whose a site is cannot be found out yet; trying again", "site", site, "err", human.OneLine(err))
		}
		return // the hub hands its alerts to others when nobody answers for them
	}
	began := o.now()
	for id, a := range work {
		if o.since(began) > o.pace(workEvery) { // the owner has to show that it lives: the rest has the next turn
			_ = h.Conn.Publish(a.reply, inProgress)
			continue
		}
		done, err := o.settled(ctx, me, site, id, a.since)
		if err == nil && done {
			if h.Conn.Publish(a.reply, ack) == nil {
				delete(work, id)
			}
			continue
		}
		if err != nil && !unfinished(err) && !a.said {
			a.said = true
			work[id] = a
			o.Log.Warn("an alert cannot be settled with the hub yet; trying again", "site", site, "alert", short(id), "err", human.OneLine(err))
		}
		_ = h.Conn.Publish(a.reply, inProgress) // or it is handed to others, which is no harm
	}
}

func short(id string) string { return id[:min(12, len(id))] }

// pause waits, no longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// pauseOr waits, no longer than ctx, and until something is to be done: then it is false.
func pauseOr(ctx context.Context, d time.Duration, due <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-due:
		return false
	}
	return true
}
