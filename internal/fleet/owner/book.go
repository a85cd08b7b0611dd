package owner

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet/owner/claims"
)

// kv is a bucket of the hub as claims need it; heard is called after each answer, for which it waits askFor.
type kv struct {
	jetstream.KeyValue
	heard func()
}

func (b kv) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	e, err := b.KeyValue.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		b.heard()
		return nil, 0, claims.ErrNone
	}
	if err != nil {
		return nil, 0, err
	}
	b.heard()
	return e.Value(), e.Revision(), nil
}

func (b kv) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	at, err := b.KeyValue.Create(ctx, key, value)
	return at, b.moved(err)
}

func (b kv) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	at, err := b.KeyValue.Update(ctx, key, value, revision)
	return at, b.moved(err)
}

// moved says of a write that came too late that it is so.
func (b kv) moved(err error) error {
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		err = fmt.Errorf("%w: %w", claims.ErrMoved, err)
	}
	if err == nil || errors.Is(err, claims.ErrMoved) {
		b.heard()
	}
	return err
}
