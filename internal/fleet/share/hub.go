package share

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// A Hub is one that may be away.
type Hub = *hub.Hub

// errFull is that the hub keeps no more of what is lent.
var errFull = errors.New("the hub has no more room for what is lent (bucket " + fleet.ShareBucket + "): each collector has its own copy, and no more")

// full is the code by which a stream says that it has its most bytes.
const full jetstream.ErrorCode = 10077

// bucket is that of what is lent.
func bucket(ctx context.Context, h Hub) (jetstream.KeyValue, error) {
	if h == nil {
		return nil, errNoHub
	}
	if err := h.Down(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	b, err := h.Stream.KeyValue(ctx, fleet.ShareBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, fmt.Errorf("bucket %s is missing on the hub: grab hub init DIR makes it: %w", fleet.ShareBucket, err)
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s of the hub: %w", fleet.ShareBucket, err)
	}
	return b, nil
}

// put puts a value there.
func put(ctx context.Context, b jetstream.KeyValue, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	_, err := b.Put(ctx, key, value)
	return room(err)
}

// room is errFull of what a full bucket says.
func room(err error) error {
	if api, is := errors.AsType[*jetstream.APIError](err); is && api.ErrorCode == full {
		return errFull
	}
	return err
}

func get(ctx context.Context, b jetstream.KeyValue, key string) (value []byte, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	e, err := b.Get(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	return e.Value(), e.Revision(), nil
}

func purge(ctx context.Context, b jetstream.KeyValue, key string) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	return room(b.Purge(ctx, key))
}

// keys are at most most keys that meet a filter.
func keys(ctx context.Context, b jetstream.KeyValue, filter string, most int) (list []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	l, err := b.ListKeysFiltered(ctx, filter)
	if err != nil {
		return nil, err
	}
	defer l.Stop()
	for {
		select {
		case key, more := <-l.Keys():
			if !more {
				return list, ctx.Err()
			}
			if list = append(list, key); len(list) >= most {
				return list, nil
			}
		case <-ctx.Done():
			return list, ctx.Err()
		}
	}
}

// clock is this collector's clock against the hub's. It asks and writes nothing, for a hub that is full takes no
// value, and what is lent there is to be borrowed all the same.
func (l *Lender) clock(ctx context.Context, b jetstream.KeyValue) (fetch.ClockOf, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	began, mono := l.now().Round(0), time.Now()
	hubs, err := hub.Clock(ctx, b)
	took := time.Since(mono)
	if err != nil {
		return fetch.ClockOf{}, err
	}
	if hubs.IsZero() {
		return fetch.ClockOf{}, errors.New("the hub does not say its clock")
	}
	return fetch.ClockOf{Offset: began.Add(took / 2).Sub(hubs), Doubt: took/2 + time.Millisecond}, nil
}
