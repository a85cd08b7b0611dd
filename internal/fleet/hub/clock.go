package hub

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Clock is the hub's clock, by a bucket's status: nothing is written for it. Zero: the hub does
// not say it.
func Clock(ctx context.Context, kv jetstream.KeyValue) (time.Time, error) {
	status, err := kv.Status(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("look at bucket %s: %w", kv.Bucket(), err)
	}
	b, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return time.Time{}, nil
	}
	return b.StreamInfo().TimeStamp, nil
}
