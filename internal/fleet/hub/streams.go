package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
)

// Bounds of what a tenant's account keeps.
const (
	dedupeFor  = 10 * time.Minute // the stream's own window; fleet.SeenBucket goes on
	alertBytes = 512 << 20
	eventBytes = 256 << 20
	claimsFor  = 30 * 24 * time.Hour // as long as alerts are remembered
	shareBytes = 512 << 20
	shareFor   = 24 * time.Hour // of a collector that does not come back to remove what it lent

	// What no collector would take the hub does not either: all watch these buckets, and hear of all that is in them.
	alertMost = 2 << 20   // bytes of an alert with its mail
	entryMost = 128 << 10 // of what a collector says of itself or of a site
	noteMost  = 8 << 10   // of who is there, owns, was refused, what was seen

	// Each collector hears of each of its sites by a consumer, and each site has an owner: a server
	// whose limits are its own lets a stream have 1,000 unless the stream says otherwise.
	mostConsumers = 50_000
)

// Streams are the streams of a tenant's account, with so many replicas of each.
func Streams(replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{Name: fleet.AlertStream, Subjects: []string{"alerts.*"}, Retention: jetstream.LimitsPolicy, MaxAge: fleet.AlertsFor, MaxBytes: alertBytes, MaxConsumers: mostConsumers, MaxMsgSize: alertMost, Duplicates: dedupeFor, Storage: jetstream.FileStorage, Replicas: replicas, Discard: jetstream.DiscardNew},
		{Name: fleet.EventStream, Subjects: []string{"events.*"}, Retention: jetstream.LimitsPolicy, MaxAge: fleet.EventsFor, MaxBytes: eventBytes, Duplicates: dedupeFor, Storage: jetstream.FileStorage, Replicas: replicas},
	}
}

// Buckets are the key-value buckets of a tenant's account.
func Buckets(replicas int) []jetstream.KeyValueConfig {
	list := []jetstream.KeyValueConfig{
		{Bucket: fleet.SeenBucket, TTL: claimsFor, MaxValueSize: noteMost},
		{Bucket: fleet.DirectoryBucket, MaxValueSize: entryMost + noteMost},
		{Bucket: fleet.StatusBucket, TTL: fleet.StatusFor, MaxValueSize: entryMost},
		{Bucket: fleet.PresenceBucket, MaxValueSize: noteMost},
		{Bucket: fleet.EpochBucket, MaxValueSize: noteMost},
		{Bucket: fleet.ClaimBucket, TTL: claimsFor},
		{Bucket: fleet.LoginBucket, TTL: claimsFor, MaxValueSize: noteMost},
		{Bucket: fleet.ShareBucket, TTL: shareFor, MaxBytes: shareBytes, MaxValueSize: fleet.MaxLent},
	}
	for i := range list {
		list[i].Storage, list[i].Replicas, list[i].History = jetstream.FileStorage, replicas, 1
	}
	return list
}

// Ensure makes what is missing of streams and buckets in the account of js, and brings what is
// there to what it is to be. It may be repeated, and interrupted.
func Ensure(ctx context.Context, js jetstream.JetStream, replicas int) error {
	for _, c := range Streams(replicas) {
		if was, err := js.Stream(ctx, c.Name); err == nil {
			c.MaxConsumers = was.CachedInfo().Config.MaxConsumers // cannot be changed
		}
		if _, err := js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("make stream %s: %w", c.Name, err)
		}
	}
	for _, c := range Buckets(replicas) {
		if _, err := js.CreateOrUpdateKeyValue(ctx, c); err != nil {
			return fmt.Errorf("make bucket %s: %w", c.Bucket, err)
		}
	}
	return nil
}

// Passing reports whether err may be over in a moment: servers that have no leader yet, or are
// not all there yet.
func Passing(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout)
	}
	switch api.ErrorCode {
	case 10005, 10008, 10074: // no suitable peers, JetStream temporarily unavailable, not enough replicas in the cluster
		return true
	}
	return api.Code == 503
}
