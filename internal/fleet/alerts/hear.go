package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
)

// How alerts are heard.
const (
	atOnce     = 16 // messages that are made safe by one sync, and asked for at a time
	gather     = 2 * time.Millisecond
	ackWait    = time.Minute
	answerIn   = 10 * time.Second
	maxMessage = 2 << 20 // bytes of one that is read
	idleFor    = fleet.AlertsFor + 24*time.Hour
	againAfter = 2 * time.Second // after a failure at one site
	againMost  = time.Minute
	lateMails  = time.Hour // that an alert may come late to a collector that is new at its site
)

// listen hears of the alerts of each own site until ctx ends or the hub is away. What fails at
// one site keeps none of the others from it.
func (x *Exchange) listen(ctx context.Context, h *hub.Hub) error {
	p, member := x.place()
	if !member {
		return ErrNoFleet
	}
	var wg sync.WaitGroup
	defer x.hears() // of none, when nobody listens
	defer wg.Wait()
	for _, s := range p.Sites {
		site := s.Name
		if err := fleet.CheckName(site); err != nil {
			x.isDeaf(site, err)
			continue
		}
		wg.Go(func() { x.listenAt(ctx, h, p.Name, site, p.MaxAge) })
	}
	<-ctx.Done()
	return ctx.Err()
}

func (x *Exchange) listenAt(ctx context.Context, h *hub.Hub, me, site string, maxAge time.Duration) {
	pause := againAfter
	for h.Wait(ctx) == nil && ctx.Err() == nil {
		began := time.Now()
		err := x.hear(ctx, h, me, site, maxAge)
		if ctx.Err() != nil {
			return
		}
		if h.Down() == nil {
			x.isDeaf(site, err)
		}
		if time.Since(began) > againMost {
			pause = againAfter
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, againMost)
	}
}

func (x *Exchange) isDeaf(site string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d, known := x.deaf[site]
	if !known {
		d = Deaf{Site: site, Since: time.Now()}
		x.log.Warn("alerts of a site that other collectors see cannot be heard; it is tried again", "site", site, "err", err)
	}
	d.Err = err
	x.deaf[site] = d
}

// connected says that alerts of the site are waited for: if none could be kept that is not over.
func (x *Exchange) connected(site string) {
	x.mu.Lock()
	known := errors.Is(x.deaf[site].Err, errKeep)
	x.mu.Unlock()
	if !known {
		x.hears(site)
	}
}

// errKeep is of alerts that came and could not be kept.
var errKeep = errors.New("keep alerts")

// hears says that alerts of the sites are heard, or of all if none is named.
func (x *Exchange) hears(sites ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(sites) == 0 {
		clear(x.deaf)
	}
	for _, site := range sites {
		delete(x.deaf, site)
	}
}

// hear takes the alerts of one site until ctx ends or something fails.
func (x *Exchange) hear(ctx context.Context, h *hub.Hub, me, site string, maxAge time.Duration) error {
	consumer, err := consumerOf(ctx, h, me, site, maxAge)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(atOnce))
	if err != nil {
		return fmt.Errorf("ask for the alerts of site %s: %w", site, err)
	}
	defer messages.Stop()
	x.connected(site)
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("ask for the alerts of site %s: %w", site, err)
		}
		batch := []jetstream.Msg{m}
		for len(batch) < atOnce {
			m, err := messages.Next(jetstream.NextMaxWait(gather))
			if err != nil {
				break // there is none now, or the next look says what is wrong
			}
			batch = append(batch, m)
		}
		if err := x.take(ctx, site, batch); err != nil {
			return err
		}
		x.hears(site)
	}
}

// consumerOf is the collector's own consumer of a site. A new one begins with what is not too old.
func consumerOf(ctx context.Context, h *hub.Hub, me, site string, maxAge time.Duration) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	name := fleet.HoldConsumer(site, me)
	c, err := h.Stream.Consumer(ctx, fleet.AlertStream, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		config := jetstream.ConsumerConfig{
			Durable: name, FilterSubject: fleet.AlertSubject(site), AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
			MaxDeliver: -1, MaxAckPending: 4 * atOnce, InactiveThreshold: idleFor,
		}
		if maxAge > 0 {
			since := time.Now().Add(-maxAge - lateMails)
			config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
		}
		c, err = h.Stream.CreateConsumer(ctx, fleet.AlertStream, config)
	}
	if err != nil {
		return nil, fmt.Errorf("consumer %s of stream %s: %w", name, fleet.AlertStream, err)
	}
	return c, nil
}

// take makes alerts safe in the journal, and tells the hub. After an error they come again.
func (x *Exchange) take(ctx context.Context, site string, batch []jetstream.Msg) error {
	var list []incoming.Alert
	var taken []jetstream.Msg
	for _, m := range batch {
		a, err := Read(site, m.Data())
		if err != nil {
			x.refuse(site, m, err)
			continue
		}
		list, taken = append(list, a), append(taken, m)
	}
	if len(list) == 0 {
		return nil
	}
	if _, err := x.in.Take(ctx, list...); err != nil {
		for _, m := range taken {
			m.NakWithDelay(againAfter) // what is not heard comes again after ackWait
		}
		return fmt.Errorf("%w of site %s: %w", errKeep, site, err)
	}
	for _, m := range taken {
		if err := m.Ack(); err != nil {
			x.log.Debug("the hub was not told that an alert is safe; it comes again", "site", site, "err", err)
		}
	}
	x.in.Decide()
	return nil
}

// refuse ends a message that can be no alert.
func (x *Exchange) refuse(site string, m jetstream.Msg, why error) {
	seq := uint64(0)
	if meta, err := m.Metadata(); err == nil {
		seq = meta.Sequence.Stream
	}
	x.refused.keep(site, seq, m.Data(), why)
	if err := m.TermWithReason(evidence.Printable(why.Error(), 100)); err != nil {
		x.log.Debug("the hub was not told that a message is no alert", "site", site, "err", err)
	}
}

// Read reads a message about a site as the journal takes it.
func Read(site string, data []byte) (in incoming.Alert, err error) {
	if len(data) > maxMessage {
		return in, fmt.Errorf("it has %d bytes, more than %d", len(data), maxMessage)
	}
	var a fleet.Alert
	if err := json.Unmarshal(data, &a); err != nil {
		return in, fmt.Errorf("it is no alert: %w", err)
	}
	switch {
	case !incident.IsID(a.Alert.ID):
		return in, fmt.Errorf("its ID %q is not a SHA-256 in hex", evidence.Printable(a.Alert.ID, 80))
	case a.Site != site:
		return in, fmt.Errorf("it is of site %q", evidence.Printable(a.Site, 80))
	case a.Alert.Drill != "":
		return in, errors.New("it is a drill, and no alert")
	}
	if err := fleet.CheckName(a.From); err != nil {
		return in, fmt.Errorf("the name of the collector that saw it: %w", err)
	}
	in.Alert = evidence.Bounded(a.Alert)
	in.Alert.Time = evidence.BoundedTime(in.Alert.Time)
	in.Alert.File, in.Alert.Sender = "", evidence.Printable(a.Sender, 254)
	in.Alert.Relay = &evidence.Relay{Site: site, Collector: a.From, Seen: evidence.BoundedTime(a.Seen)}
	in.Raw, in.Cut = a.Raw, a.Cut || len(a.Raw) == 0
	return in, nil
}
