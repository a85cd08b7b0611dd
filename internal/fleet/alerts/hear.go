package alerts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	atOnce      = 16 // messages that are made safe by one sync, and asked for at a time
	gather      = 2 * time.Millisecond
	ackWait     = time.Minute
	answerIn    = 10 * time.Second
	maxMessage  = 2 << 20 // bytes of one that is read
	idleFor     = fleet.AlertsFor + 24*time.Hour
	againAfter  = 2 * time.Second // after a failure at one site
	againMost   = time.Minute
	atMostSites = 250       // that are heard by one consumer
	lateMails   = time.Hour // that an alert may come late to a collector that is new at its site
)

// listen hears of the alerts of the own sites until ctx ends or the hub is away: of many by one consumer,
// which is what a hub of several servers can bear; of each by one of its own where the hub does not allow that.
func (x *Exchange) listen(ctx context.Context, h *hub.Hub) error {
	p, member := x.place()
	if !member {
		return ErrNoFleet
	}
	var wg sync.WaitGroup
	defer x.hears() // of none, when nobody listens
	defer wg.Wait()
	var sites []string
	for _, s := range p.Sites {
		if err := fleet.CheckName(s.Name); err != nil {
			x.isDeaf(s.Name, err)
			continue
		}
		sites = append(sites, s.Name)
	}
	slices.Sort(sites)
	for some := range slices.Chunk(sites, atMostSites) {
		wg.Go(func() { x.listenAt(ctx, h, hearing{p.Name, some, p.MaxAge}) })
	}
	<-ctx.Done()
	return ctx.Err()
}

// hearing is what is heard by one consumer.
type hearing struct {
	me     string
	sites  []string
	maxAge time.Duration
}

func (x *Exchange) listenAt(ctx context.Context, h *hub.Hub, of hearing) {
	pause := againAfter
	for h.Wait(ctx) == nil && ctx.Err() == nil {
		began := time.Now()
		err := x.hear(ctx, h, of)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errOneByOne) {
			x.listenEach(ctx, h, of)
			return
		}
		if h.Down() == nil && !errors.Is(err, errKeep) { // of that it is known at which site
			for _, site := range of.sites {
				x.isDeaf(site, err)
			}
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

// listenEach hears of each site by a consumer of its own. What fails at one keeps none of the others from it.
func (x *Exchange) listenEach(ctx context.Context, h *hub.Hub, of hearing) {
	x.log.Info("the hub allows one consumer for each site alone: `grab hub init` of this version changes that", "sites", len(of.sites))
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, site := range of.sites {
		wg.Go(func() { x.listenAt(ctx, h, hearing{of.me, []string{site}, of.maxAge}) })
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

// hear takes the alerts of sites until ctx ends or something fails.
func (x *Exchange) hear(ctx context.Context, h *hub.Hub, of hearing) error {
	consumer, missed, err := of.consumer(ctx, h)
	if err != nil {
		return err
	}
	l, closed := x.hearing(of.sites)
	defer closed()
	l.begin(false, consumer.CachedInfo())
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { of.retire(ctx, h) })
	wg.Go(func() {
		if missed {
			x.hearAgain(ctx, h, of)
		}
		x.hearFresh(ctx, h, of, l)
	})
	changed := make(chan error, 1)
	wg.Go(func() {
		changed <- of.watch(ctx, consumer, l)
		cancel()
	})
	err = x.takeAll(ctx, consumer, of, func(batch []jetstream.Msg) error {
		err := x.takeBySite(ctx, batch, x.refuse)
		if err == nil {
			l.heard(false, batch)
		}
		return err
	})
	cancel()
	return cmp.Or(<-changed, err)
}

// takeAll has take take what a consumer has, some at a time, until ctx ends or something fails.
func (x *Exchange) takeAll(ctx context.Context, consumer jetstream.Consumer, of hearing, take func([]jetstream.Msg) error) error {
	messages, err := consumer.Messages(jetstream.PullMaxMessages(atOnce))
	if err != nil {
		return fmt.Errorf("ask for the alerts of %s: %w", of, err)
	}
	defer messages.Stop()
	for _, site := range of.sites {
		x.connected(site)
	}
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("ask for the alerts of %s: %w", of, err)
		}
		batch := []jetstream.Msg{m}
		for len(batch) < atOnce {
			m, err := messages.Next(jetstream.NextMaxWait(gather))
			if err != nil {
				break // there is none now, or the next look says what is wrong
			}
			batch = append(batch, m)
		}
		if err := take(batch); err != nil {
			return err
		}
	}
}

// A refusal ends a message that can be no alert.
type refusal func(site string, m jetstream.Msg, why error)

// takeBySite takes alerts of several sites. What fails at one keeps none of the others from it.
func (x *Exchange) takeBySite(ctx context.Context, batch []jetstream.Msg, refuse refusal) error {
	by := map[string][]jetstream.Msg{}
	for _, m := range batch {
		site, err := fleet.SiteOf(m.Subject())
		if err != nil {
			refuse("", m, err)
			continue
		}
		by[site] = append(by[site], m)
	}
	var errs []error
	for _, site := range slices.Sorted(maps.Keys(by)) {
		if err := x.take(ctx, site, by[site], refuse); err != nil {
			x.isDeaf(site, err)
			errs = append(errs, err)
			continue
		}
		x.hears(site)
	}
	return errors.Join(errs...)
}

func (of hearing) String() string {
	if len(of.sites) == 1 {
		return "site " + of.sites[0]
	}
	return fmt.Sprintf("%d sites", len(of.sites))
}

// take makes alerts safe in the journal, and tells the hub. After an error they come again.
func (x *Exchange) take(ctx context.Context, site string, batch []jetstream.Msg, refuse refusal) error {
	var list []incoming.Alert
	var taken []jetstream.Msg
	for _, m := range batch {
		a, err := Read(site, m.Data())
		if err != nil {
			refuse(site, m, err)
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
