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

// maxEpoch is more than any site comes to: who wrote that leaves no number for the next one, and the count begins anew.
const maxEpoch = 1 << 62

// readEpoch reads the epoch of a site, and at which revision it is; 0: there is none yet. What is no epoch is
// nobody's: whoever waits takes the next one, as of an owner that is gone.
func readEpoch(ctx context.Context, b claims.Book, site string) (e fleet.Epoch, at uint64, err error) {
	value, at, err := b.Get(ctx, fleet.Token(site))
	if errors.Is(err, claims.ErrNone) {
		return e, 0, nil
	}
	if err != nil {
		return fleet.Epoch{}, 0, fmt.Errorf("read the epoch of site %s: %w", site, err)
	}
	if json.Unmarshal(value, &e) != nil || e.Number >= maxEpoch {
		return fleet.Epoch{}, at, nil
	}
	return e, at, nil
}
