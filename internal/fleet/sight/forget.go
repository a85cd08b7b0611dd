package sight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
)

// ErrThere says that a collector cannot be forgotten, for it is heard.
var ErrThere = errors.New("it is there")

// ErrUnknown says that nobody knows a collector.
var ErrUnknown = errors.New("no collector of this name")

// Forget has the hub forget a collector that is gone for good: nobody misses it any more, until it
// comes back. Its verdicts stay. What it said of its sites is removed too, where the credentials are
// allowed to; where they are not it counts for nothing here.
func Forget(ctx context.Context, js jetstream.JetStream, name string) error {
	o, err := See(ctx, js)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(o.Collectors, func(c Collector) bool { return c.Name == name })
	if i < 0 {
		return fmt.Errorf("collector %s: %w", name, ErrUnknown)
	}
	c := o.Collectors[i]
	if c.State != Silent && c.State != Left {
		return fmt.Errorf("collector %s: %w: stop it first", name, ErrThere)
	}

	call, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	b, err := open(call, js)
	if err != nil {
		return err
	}
	gone := fleet.Presence{Collector: name, State: fleet.Gone, Since: time.Now().UTC()}
	if err := put(call, b.presence, name, gone, func(uint64) {}); err != nil {
		return fmt.Errorf("forget collector %s: %w", name, err)
	}
	tidy(ctx, js, c)
	return nil
}

// tidyFor bounds the removing of what counts for nothing any more: an answer that is not
// allowed never comes.
const tidyFor = 3 * time.Second

// tidy removes what a collector said of its sites, as far as that is allowed.
func tidy(ctx context.Context, js jetstream.JetStream, c Collector) {
	ctx, cancel := context.WithTimeout(ctx, tidyFor)
	defer cancel()
	kv, err := js.KeyValue(ctx, fleet.DirectoryBucket)
	if err != nil {
		return
	}
	for _, site := range c.Sites {
		if kv.Delete(ctx, fleet.DirectoryKey(site, c.Name)) != nil {
			return
		}
	}
}
