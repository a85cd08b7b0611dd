package owner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// EpochOf is who owns a site now; zero: nobody has yet.
func EpochOf(ctx context.Context, h *hub.Hub, site string) (e fleet.Epoch, err error) {
	b, err := h.Stream.KeyValue(ctx, fleet.EpochBucket)
	if err != nil {
		return e, fmt.Errorf("open bucket %s: %w", fleet.EpochBucket, err)
	}
	entry, err := b.Get(ctx, fleet.Token(site))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return e, nil
	case err != nil:
		return e, fmt.Errorf("read the epoch of site %s: %w", site, err)
	}
	return e, json.Unmarshal(entry.Value(), &e)
}
