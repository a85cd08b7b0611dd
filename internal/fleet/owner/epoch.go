package owner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/owner/claims"
)

// EpochOf is who owns a site now; zero: nobody has yet.
func EpochOf(ctx context.Context, h *hub.Hub, site string) (fleet.Epoch, error) {
	b, err := h.Stream.KeyValue(ctx, fleet.EpochBucket)
	if err != nil {
		return fleet.Epoch{}, fmt.Errorf("open bucket %s: %w", fleet.EpochBucket, err)
	}
	e, _, err := readEpoch(ctx, kv{b, func() {}}, site)
	return e, err
}

// readEpoch reads the epoch of a site, and at which revision it is; 0: there is none yet.
func readEpoch(ctx context.Context, b claims.Book, site string) (e fleet.Epoch, at uint64, err error) {
	value, at, err := b.Get(ctx, fleet.Token(site))
	if errors.Is(err, claims.ErrNone) {
		return e, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &e)
	}
	if err != nil {
		return fleet.Epoch{}, 0, fmt.Errorf("read the epoch of site %s: %w", site, err)
	}
	return e, at, nil
}
