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
	if there && (v.Collector != collector || v.Key != key) {
		return fleet.Sealing{}, 0, false, fmt.Errorf("the sealing %s of collector %s in the fleet's claims is of another one", key, collector)
	}
	return v, at, there, err
}

// maxKey is longer than any key of ours. Others may have written names of any length into what keys are made of, and who
// asks for one that is too long loses the connection to the hub.
const maxKey = 1000

func read(ctx context.Context, b Book, key string, into any) (at uint64, there bool, err error) {
	if len(key) > maxKey {
		return 0, false, fmt.Errorf("%.60s... is no key of the fleet's claims: it has %d bytes", key, len(key))
	}
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
