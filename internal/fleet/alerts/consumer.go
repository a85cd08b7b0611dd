package alerts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// errOneByOne says that the hub does not allow one consumer for several sites.
var errOneByOne = errors.New("the hub does not allow a consumer for several sites")

// consumer is that by which the sites are heard. A new one begins with what is not too old: also that of sites
// one of which is new, and the journal knows by its ID what it has. missed: somebody had changed it.
func (of hearing) consumer(ctx context.Context, h *hub.Hub) (c jetstream.Consumer, missed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	config := of.config()
	c, err = h.Stream.Consumer(ctx, fleet.AlertStream, config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		from(&config, of.notTooOld())
		c, err = of.create(ctx, h, config)
	}
	if errors.Is(err, errOneByOne) {
		return nil, false, err
	}
	if err == nil {
		c, missed, err = of.restore(ctx, h, c, config)
	}
	if err != nil {
		return nil, false, fmt.Errorf("consumer %s of stream %s: %w", config.Durable, fleet.AlertStream, err)
	}
	return c, missed, nil
}

// notTooOld is since when alerts may have come to the hub that are not too old; zero: all are not.
func (of hearing) notTooOld() time.Time {
	if of.maxAge <= 0 {
		return time.Time{}
	}
	return time.Now().Add(-of.maxAge - lateMails)
}

// from has a consumer begin with what came to the hub since then; zero: with all.
func from(config *jetstream.ConsumerConfig, since time.Time) {
	if !since.IsZero() {
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
}

// config is that of the consumer, which begins with all.
func (of hearing) config() jetstream.ConsumerConfig {
	config := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1, MaxAckPending: 4 * atOnce, InactiveThreshold: idleFor,
	}
	if config.Durable = fleet.HoldConsumer(of.sites[0], of.me); len(of.sites) > 1 {
		config.Durable = fleet.HoldsConsumer(of.me, of.sites)
	}
	of.filter(&config)
	return config
}

// filter has a consumer bring alerts of the sites, and of no others.
func (of hearing) filter(config *jetstream.ConsumerConfig) {
	if len(of.sites) == 1 {
		config.FilterSubject = fleet.AlertSubject(of.sites[0])
		return
	}
	for _, site := range of.sites {
		config.FilterSubjects = append(config.FilterSubjects, fleet.AlertSubject(site))
	}
}

// retire lets go of consumers of single sites, which an earlier version has left: a collector may not delete
// them, but has the hub do so when nobody asks by them.
func (of hearing) retire(ctx context.Context, h *hub.Hub) {
	for _, site := range of.sites {
		if len(of.sites) == 1 || ctx.Err() != nil {
			return
		}
		old, err := h.Stream.Consumer(ctx, fleet.AlertStream, fleet.HoldConsumer(site, of.me))
		if err != nil {
			continue // mostly there is none
		}
		config := old.CachedInfo().Config
		config.InactiveThreshold = time.Second
		_, _ = h.Stream.UpdateConsumer(ctx, fleet.AlertStream, config) // or it is gone after idleFor
	}
}

// create makes the consumer. To what it does not allow the hub gives no answer: that it has said so is seen beside.
func (of hearing) create(ctx context.Context, h *hub.Hub, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if denied := h.Denied(); len(of.sites) > 1 && denied != nil && strings.Contains(denied.Error(), config.Durable) {
				cancel(errOneByOne)
			}
		}
	})
	c, err := h.Stream.CreateConsumer(ctx, fleet.AlertStream, config)
	if err != nil && errors.Is(context.Cause(ctx), errOneByOne) {
		err = errOneByOne
	}
	return c, err
}
