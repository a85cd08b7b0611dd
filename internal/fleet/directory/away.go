package directory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// away is since when a collector is not there, by the hub's clock.
type away struct {
	Since time.Time `json:"since"`
	Gone  bool      `json:"gone,omitempty"` // for good, as a person has said
}

// counts reports whether what it says of its sites is nothing any more: what is sent to it would be over
// before it came.
func (a away) counts(now time.Time) bool {
	return a.Gone || !a.Since.IsZero() && now.Sub(a.Since) > fleet.AlertsFor
}

// watchPresence hears of who is there; nil: the hub has no such bucket, and all count.
func watchPresence(ctx context.Context, h *hub.Hub) (jetstream.KeyWatcher, error) {
	ask, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	bucket, err := h.Stream.KeyValue(ask, fleet.PresenceBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", fleet.PresenceBucket, err)
	}
	watch, err := bucket.WatchAll(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch who is there in the fleet: %w", err)
	}
	return watch, nil
}

// present notes whether a collector is there. It reports whether what routes has changed.
func (d *Directory) present(u jetstream.KeyValueEntry) (changed bool) {
	if u == nil {
		return false
	}
	name, err := fleet.Name(u.Key())
	if err != nil {
		return false
	}
	p, err := fleet.ParsePresence(u.Key(), u.Value())
	there := u.Operation() != jetstream.KeyValuePut || err != nil || p.State == fleet.Here
	d.mu.Lock()
	defer d.mu.Unlock()
	was, known := d.away[name]
	is := away{Since: u.Created().UTC(), Gone: p.State == fleet.Gone}
	switch {
	case there:
		delete(d.away, name)
		is = away{}
	case known && !was.Gone && !is.Gone:
		return false // a silence that was told of is no new one
	case known || len(d.away) < maxEntries:
		d.away[name] = is
	}
	now := time.Now()
	if was.counts(now) == is.counts(now) {
		return false
	}
	d.arrange()
	return true
}

// over takes out who has been away for too long by now.
func (d *Directory) over() (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := collectorsOf(d.arranged())
	d.arrange()
	return !maps.Equal(before, collectorsOf(d.arranged()))
}

func collectorsOf(sites []site) map[string]int {
	n := map[string]int{}
	for _, s := range sites {
		n[s.Name] = len(s.collectors)
	}
	return n
}
