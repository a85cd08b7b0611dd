package claims

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"rtmtgrab/internal/fleet"
)

// SealingOf is what the book has of an incident of a collector.
func SealingOf(ctx context.Context, b Book, site, collector, key string) (s fleet.Sealing, there bool, err error) {
	s, _, there, err = (caller{b, Me{}, site}).sealing(ctx, collector, key)
	return s, there, err
}

// ClaimOf is what the book has of an alert.
func ClaimOf(ctx context.Context, b Book, site, alert string) (claim fleet.Claim, there bool, err error) {
	claim, _, there, err = (caller{b, Me{}, site}).claim(ctx, alert)
	return claim, there, err
}

func (c caller) claim(ctx context.Context, alert string) (v fleet.Claim, at uint64, there bool, err error) {
	at, there, err = read(ctx, c.Book, fleet.ClaimKey(c.site, alert), &v)
	return v, at, there, err
}

func (c caller) sealing(ctx context.Context, collector, key string) (v fleet.Sealing, at uint64, there bool, err error) {
	at, there, err = read(ctx, c.Book, fleet.SealingKey(c.site, collector, key), &v)
	return v, at, there, err
}

func read(ctx context.Context, b Book, key string, into any) (at uint64, there bool, err error) {
	value, at, err := b.Get(ctx, key)
	if errors.Is(err, ErrNone) {
		return 0, false, nil
	}
	if err == nil {
		err = json.Unmarshal(value, into)
	}
	if err != nil {
		return 0, false, fmt.Errorf("read %s of the fleet's claims: %w", key, err)
	}
	return at, true, nil
}

// put writes a key as it is not there, or as it was read.
func (c caller) put(ctx context.Context, key string, v any, at uint64, there bool) (after uint64, err error) {
	value, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	if there {
		after, err = c.Update(ctx, key, value, at)
	} else {
		after, err = c.Create(ctx, key, value)
	}
	if err != nil {
		err = fmt.Errorf("write %s of the fleet's claims: %w", key, err)
	}
	return after, err
}
