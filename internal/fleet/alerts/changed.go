package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

const lookEvery = time.Minute // between two looks at what the hub has by which alerts are heard

// changed says what keeps a consumer from bringing what it is to bring; nil: nothing. Who may make
// consumers may change those of others, and of a hub of others its administrators may.
func changed(info *jetstream.ConsumerInfo, want jetstream.ConsumerConfig) error {
	is := info.Config
	subjects := func(c jetstream.ConsumerConfig) []string {
		if c.FilterSubject != "" {
			return []string{c.FilterSubject}
		}
		return slices.Sorted(slices.Values(c.FilterSubjects))
	}
	switch {
	case info.Paused:
		return fmt.Errorf("it is paused for %v", info.PauseRemaining)
	case !slices.Equal(subjects(is), subjects(want)):
		return fmt.Errorf("%w: it brings %v, not %v", errChanged, subjects(is), subjects(want))
	case is.AckPolicy != want.AckPolicy || is.MaxDeliver > 0 || is.HeadersOnly || is.PriorityPolicy != jetstream.PriorityPolicyNone:
		return fmt.Errorf("%w: it brings them in another way", errChanged)
	}
	return nil
}

// errChanged says that somebody has changed a consumer.
var errChanged = errors.New("somebody has changed it")

// restore makes a consumer what it is to be. missed: alerts may have passed it by.
func (of hearing) restore(ctx context.Context, h *hub.Hub, c jetstream.Consumer, want jetstream.ConsumerConfig) (restored jetstream.Consumer, missed bool, err error) {
	err = changed(c.CachedInfo(), want)
	if !errors.Is(err, errChanged) {
		return c, false, err
	}
	is := c.CachedInfo().Config
	want.DeliverPolicy, want.OptStartTime, want.OptStartSeq = is.DeliverPolicy, is.OptStartTime, is.OptStartSeq // cannot be changed
	if c, err = h.Stream.UpdateConsumer(ctx, fleet.AlertStream, want); err != nil {
		return nil, false, fmt.Errorf("%w, and it cannot be changed back: %w", errChanged, err)
	}
	return c, true, changed(c.CachedInfo(), want)
}

// hearAgain hears of all that is not too old: the journal knows by its ID what it has.
func (x *Exchange) hearAgain(ctx context.Context, h *hub.Hub, of hearing) {
	x.log.Warn("somebody has changed by what the hub brings this collector its alerts: it is changed back, and what may have passed by is heard again", "of", of)
	var l lags
	err := x.beside(ctx, h, of, beside{
		since: of.notTooOld(), begun: func(info *jetstream.ConsumerInfo) { l.begin(false, info) }, heard: func(batch []jetstream.Msg) { l.heard(false, batch) },
		over: func() bool { _, waits := l.behind(); return !waits },
	})
	if err != nil && ctx.Err() == nil {
		x.log.Warn("alerts that passed by cannot be heard again; `grab list --fleet` has those of the other collectors", "of", of, "err", err)
	}
}

// watch looks now and then whether the consumer brings what it is to bring, and what waits: of alerts that do not
// come nothing else tells. It returns why it does not.
func (of hearing) watch(ctx context.Context, c jetstream.Consumer, l *lags) error {
	want := of.config()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		asked, done := context.WithTimeout(ctx, answerIn)
		info, err := c.Info(asked)
		done()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			return err
		case err != nil:
			continue // the hub is away, or busy
		}
		l.looked(info)
		if err := changed(info, want); err != nil {
			return fmt.Errorf("consumer %s of stream %s: %w", info.Name, fleet.AlertStream, err)
		}
	}
}
