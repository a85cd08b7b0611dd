package hubinit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// An act is something that a room does on a hub.
type act struct {
	name string
	do   func(ctx context.Context, h *hub.Hub) error
}

// bucket is an act in a key-value bucket.
func bucket(name string, do func(ctx context.Context, kv jetstream.KeyValue) error) func(context.Context, *hub.Hub) error {
	return func(ctx context.Context, h *hub.Hub) error {
		kv, err := h.Stream.KeyValue(ctx, name)
		if err != nil {
			return err
		}
		return do(ctx, kv)
	}
}

// written is what a key goes through, each step after the one before.
func written(key string) func(ctx context.Context, kv jetstream.KeyValue) error {
	return func(ctx context.Context, kv jetstream.KeyValue) error {
		rev, err := kv.Create(ctx, key, []byte("1"))
		if err != nil {
			return err
		}
		if _, err := kv.Update(ctx, key, []byte("2"), rev); err != nil {
			return err
		}
		if _, err := kv.Put(ctx, key, []byte("3")); err != nil {
			return err
		}
		e, err := kv.Get(ctx, key)
		if err != nil || string(e.Value()) != "3" {
			return errors.Join(err, errors.New("it is not what was put"))
		}
		return kv.Delete(ctx, key)
	}
}

// lends is what a collector does that lends.
func lends(me string) func(ctx context.Context, kv jetstream.KeyValue) error {
	return func(ctx context.Context, kv jetstream.KeyValue) error {
		key := fleet.PartKey(me, "hq 1", "00", 0)
		at, err := kv.Put(ctx, key, []byte("1"))
		if err != nil {
			return err
		}
		_, err = kv.GetRevision(ctx, key, at)
		l, err2 := kv.ListKeysFiltered(ctx, fleet.Token(me)+".>")
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		for range l.Keys() {
		}
		return kv.Purge(ctx, key)
	}
}

// watched follows a bucket until what was there has come.
func watched(ctx context.Context, kv jetstream.KeyValue) error {
	w, err := kv.WatchAll(ctx)
	if err != nil {
		return err
	}
	for e := range w.Updates() {
		if e == nil {
			break
		}
	}
	if err := w.Stop(); err != nil {
		return err
	}
	keys, err := kv.ListKeys(ctx)
	if err != nil {
		return err
	}
	for range keys.Keys() {
	}
	return nil
}

// fetched takes one alert from a consumer and acknowledges it, after it said that it works at it.
func fetched(ctx context.Context, c jetstream.Consumer, opts ...jetstream.FetchOpt) error {
	batch, err := c.Fetch(1, append(opts, jetstream.FetchMaxWait(5*time.Second))...)
	if err != nil {
		return err
	}
	n := 0
	for m := range batch.Messages() {
		n++
		if err := m.InProgress(); err != nil {
			return err
		}
		if err := m.DoubleAck(ctx); err != nil {
			return err
		}
	}
	if n == 0 {
		return errors.Join(batch.Error(), errors.New("nothing came"))
	}
	return batch.Error()
}

// rooms is what the collector's rooms do.
func rooms(me string) []act {
	hold := jetstream.ConsumerConfig{Durable: fleet.HoldConsumer("hq 1", me), FilterSubject: fleet.AlertSubject("hq 1"), AckPolicy: jetstream.AckExplicitPolicy}
	own := jetstream.ConsumerConfig{Durable: fleet.OwnConsumer("hq 1"), FilterSubject: fleet.AlertSubject("hq 1"), AckPolicy: jetstream.AckExplicitPolicy,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PinnedTTL: 15 * time.Second, PriorityGroups: []string{fleet.OwnGroup}}
	list := []act{
		{"account", func(ctx context.Context, h *hub.Hub) error { _, err := h.Stream.AccountInfo(ctx); return err }},
		{"publish an alert, twice", func(ctx context.Context, h *hub.Hub) error {
			for range 2 {
				if _, err := h.Stream.Publish(ctx, fleet.AlertSubject("hq 1"), []byte("{}"), jetstream.WithMsgID("one")); err != nil {
					return err
				}
			}
			return nil
		}},
		{"publish a verdict", func(ctx context.Context, h *hub.Hub) error {
			_, err := h.Stream.Publish(ctx, fleet.EventSubject("hq 1"), []byte("{}"))
			return err
		}},
		{"hold", func(ctx context.Context, h *hub.Hub) error {
			c, err := h.Stream.CreateOrUpdateConsumer(ctx, fleet.AlertStream, hold)
			if err != nil {
				return err
			}
			return fetched(ctx, c)
		}},
		{"hold of several sites", func(ctx context.Context, h *hub.Hub) error {
			several := jetstream.ConsumerConfig{Durable: fleet.HoldsConsumer(me, []string{"hq 1", "lab"}), FilterSubjects: []string{fleet.AlertSubject("hq 1"), fleet.AlertSubject("lab")}, AckPolicy: jetstream.AckExplicitPolicy}
			c, err := h.Stream.CreateConsumer(ctx, fleet.AlertStream, several)
			if err != nil {
				return err
			}
			return fetched(ctx, c)
		}},
		{"hold, there already", func(ctx context.Context, h *hub.Hub) error {
			if _, err := h.Stream.CreateOrUpdateConsumer(ctx, fleet.AlertStream, hold); err != nil {
				return err
			}
			c, err := h.Stream.Consumer(ctx, fleet.AlertStream, hold.Durable)
			if err != nil {
				return err
			}
			_, err = c.Info(ctx)
			return err
		}},
		{"own", func(ctx context.Context, h *hub.Hub) error {
			c, err := h.Stream.CreateOrUpdateConsumer(ctx, fleet.AlertStream, own)
			if err != nil {
				return err
			}
			if err := fetched(ctx, c, jetstream.FetchPriorityGroup(fleet.OwnGroup)); err != nil {
				return err
			}
			s, err := h.Stream.Stream(ctx, fleet.AlertStream)
			if err != nil {
				return err
			}
			return s.UnpinConsumer(ctx, own.Durable, fleet.OwnGroup)
		}},
	}
	for _, b := range hub.Buckets(1) {
		key := fleet.DirectoryKey("hq 1", "x")
		switch b.Bucket {
		case fleet.StatusBucket:
			key = fleet.Token(me)
		case fleet.DirectoryBucket:
			key = fleet.DirectoryKey("hq 1", me)
		case fleet.ShareBucket:
			key = fleet.LentKey(me, "hq 1", "k", "expc01")
			list = append(list, act{"lend", bucket(b.Bucket, lends(me))})
		}
		list = append(list, act{"write " + b.Bucket, bucket(b.Bucket, written(key))}, act{"watch " + b.Bucket, bucket(b.Bucket, watched)})
	}
	return list
}

// TestRooms: a collector's credentials are good for all that its rooms do, with a name that is
// no plain word either; and nothing of it makes the hub complain.
func TestRooms(t *testing.T) {
	a := startHub(t, map[string][]string{"acme": {"dmz a", "dmz-b"}})
	for _, me := range []string{"dmz a", "dmz-b"} {
		h := a.as(t, "acme", me)
		said := make(chan error, 100)
		h.Conn.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { said <- err })
		for _, act := range rooms(me) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			if err := act.do(ctx, h); err != nil {
				t.Errorf("%s: %s: %v", me, act.name, err)
			}
			cancel()
			select {
			case err := <-said:
				t.Errorf("%s: %s: the hub says: %v", me, act.name, err)
			default:
			}
		}
		// the next collector's hold and own need an alert of their own
		if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("hq 1"), []byte("{}"), jetstream.WithMsgID("after "+me)); err != nil {
			t.Error(err)
		}
	}
}

// TestAsk: who looks at a tenant asks a collector, which answers often and late; it reads all of
// the tenant, and collectors ask nobody.
func TestAsk(t *testing.T) {
	a := startHub(t, map[string][]string{"acme": {"dmz-a"}})
	c, v := a.as(t, "acme", "dmz-a"), a.as(t, "acme", Viewer)
	sub, err := c.Conn.Subscribe(fleet.AskSubject("now", "hq"), func(m *nats.Msg) {
		for range 3 {
			m.Respond([]byte("on it"))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	if err := c.Conn.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	inbox := v.Conn.NewRespInbox()
	answers, err := v.Conn.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Conn.PublishRequest(fleet.AskSubject("now", "hq"), inbox, []byte("now")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := answers.NextMsg(10 * time.Second); err != nil {
			t.Fatal(err)
		}
	}

	for _, s := range []string{fleet.AlertSubject("hq"), fleet.EventSubject("hq")} {
		if _, err := c.Stream.Publish(t.Context(), s, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	events, err := v.Stream.OrderedConsumer(t.Context(), fleet.EventStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := events.Next(jetstream.FetchMaxWait(10 * time.Second)); err != nil {
		t.Error(err)
	}
	alerts, err := v.Stream.Stream(t.Context(), fleet.AlertStream)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alerts.GetMsg(t.Context(), 1); err != nil {
		t.Error(err)
	}
	for _, b := range hub.Buckets(1) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if b.Bucket == fleet.ShareBucket { // it is theirs alone, and there is no answer to what is not allowed
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
		}
		if err := bucket(b.Bucket, watched)(ctx, v); (err == nil) == (b.Bucket == fleet.ShareBucket) {
			t.Errorf("%s: %v", b.Bucket, err)
		}
		cancel()
	}
}
