package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// How letters are sent.
const (
	sideBySide = 16               // each needs three answers of the hub
	atOnce     = 8 * sideBySide   // taken up before it is looked who else waits
	answerIn   = 10 * time.Second // of each step
	lookEvery  = time.Minute      // without a reason
	headroom   = 4 << 10          // of the greatest payload, for what goes around it
)

// Run sends what waits until ctx ends or something fails; what could be sent was sent then.
func (o *Outbox) Run(ctx context.Context, h *hub.Hub) error {
	seen, err := o.seen(ctx, h)
	if err != nil {
		return err
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		names := o.due(atOnce)
		if len(names) > 0 {
			if err := o.sendAll(ctx, h, seen, names); err != nil {
				return err
			}
			continue
		}
		select {
		case <-o.kick:
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (o *Outbox) seen(ctx context.Context, h *hub.Hub) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	seen, err := h.Stream.KeyValue(ctx, fleet.SeenBucket)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", fleet.SeenBucket, err)
	}
	return seen, nil
}

// sendAll sends letters side by side: one that fails keeps none of the others.
func (o *Outbox) sendAll(ctx context.Context, h *hub.Hub, seen jetstream.KeyValue, names []string) error {
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(sideBySide, len(names)) {
		wg.Go(func() {
			for i := range next {
				errs[i] = o.send(ctx, h, seen, names[i])
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err // that of the oldest
		}
	}
	return nil
}

// send sends one letter, unless it was sent before, and removes it.
func (o *Outbox) send(ctx context.Context, h *hub.Hub, seen jetstream.KeyValue, name string) error {
	a, gone, err := o.read(name)
	if gone {
		o.forget(name)
		return nil
	}
	if err == nil {
		err = o.publish(ctx, h, seen, a)
	}
	if _, never := errors.AsType[*unreadableError](err); never {
		return o.setAside(name, err)
	}
	if err == nil {
		err = o.at("remove")
	}
	if err == nil {
		err = o.remove(name)
	}
	if err != nil && h.Down() == nil {
		o.failed(name)
	}
	return err
}

func (o *Outbox) at(step string) error {
	if o.fault == nil {
		return nil
	}
	return o.fault(step)
}

// Sent is what stands in fleet.SeenBucket of an alert at a site.
type Sent struct {
	By  string `json:"by"`  // the collector
	Seq uint64 `json:"seq"` // in fleet.AlertStream
}

// publish has the hub take the alert, once. The key in seen is made when the message is in the
// stream, never before: what is lost between the two is the knowledge that it is there, and not the alert.
func (o *Outbox) publish(ctx context.Context, h *hub.Hub, seen jetstream.KeyValue, a fleet.Alert) error {
	ctx, cancel := context.WithTimeout(ctx, 3*answerIn)
	defer cancel()
	key := fleet.ClaimKey(a.Site, a.Alert.ID)
	if err := o.at("ask"); err != nil {
		return err
	}
	_, err := seen.Get(ctx, key)
	switch {
	case err == nil:
		return nil // by whoever saw it too, or by a process that was killed
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return fmt.Errorf("ask whether the hub has alert %.12s: %w", a.Alert.ID, err)
	}
	if err := o.at("publish"); err != nil {
		return err
	}
	ack, err := o.put(ctx, h, key, a)
	if err != nil {
		return err
	}
	if err := o.at("note"); err != nil {
		return err
	}
	note, err := json.Marshal(Sent{a.From, ack.Sequence})
	if err != nil {
		return err
	}
	if _, err := seen.Create(ctx, key, note); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("note that the hub has alert %.12s: %w", a.Alert.ID, err)
	}
	return nil
}

// put publishes the alert, with as much of what came as the hub takes.
func (o *Outbox) put(ctx context.Context, h *hub.Hub, key string, a fleet.Alert) (*jetstream.PubAck, error) {
	a.Sent = time.Now().UTC()
	for {
		data, err := json.Marshal(a)
		if err != nil {
			return nil, &unreadableError{err}
		}
		var ack *jetstream.PubAck
		if most := h.Conn.MaxPayload(); most > 0 && int64(len(data)) > most-headroom {
			err = nats.ErrMaxPayload
		} else {
			ack, err = h.Stream.PublishMsg(ctx, &nats.Msg{Subject: fleet.AlertSubject(a.Site), Data: data}, jetstream.WithMsgID(key), jetstream.WithExpectStream(fleet.AlertStream))
		}
		switch {
		case err == nil:
			return ack, nil
		case !tooLarge(err):
			return nil, fmt.Errorf("publish alert %.12s: %w", a.Alert.ID, err)
		case len(a.Raw) == 0:
			return nil, &unreadableError{fmt.Errorf("even without its mail alert %.12s is too large for the hub: %w", a.Alert.ID, err)}
		}
		a.Raw, a.Cut = a.Raw[:len(a.Raw)/4], true
	}
}

func tooLarge(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return errors.Is(err, nats.ErrMaxPayload) || ok && api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum
}
