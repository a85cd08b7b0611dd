package testserver

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestNATSCluster: three servers keep three copies, also when one is stopped and comes back.
func TestNATSCluster(t *testing.T) {
	all := StartNATSCluster(t, NATSOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	conn, err := nats.Connect(all[0].URL, nats.Secure(Trust(all)), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	until := func(what string, do func(ctx context.Context) error) {
		t.Helper()
		for {
			once, cancel := context.WithTimeout(ctx, 5*time.Second) // nobody may answer who has no leader
			err := do(once)
			cancel()
			if err == nil {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatalf("%s: %v", what, err)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	until("make a stream", func(ctx context.Context) error {
		_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: 3})
		return err
	})
	for _, n := range all[1:] {
		n.Stop()
		until("publish", func(ctx context.Context) error { _, err := js.Publish(ctx, "s", nil); return err })
		n.Start()
		until("have three copies again", func(ctx context.Context) error { return current(ctx, js) })
	}
}

// current tells who has not all of the stream yet. Who stops the next server before that may
// be left with two of three that cannot agree on a leader (seen once, for two minutes).
func current(ctx context.Context, js jetstream.JetStream) error {
	stream, err := js.Stream(ctx, "S")
	if err != nil {
		return err
	}
	cluster := stream.CachedInfo().Cluster
	if len(cluster.Replicas) != 2 {
		return fmt.Errorf("%d copies beside the leader's, want 2", len(cluster.Replicas))
	}
	for _, r := range cluster.Replicas {
		if !r.Current || r.Offline {
			return fmt.Errorf("%s has not all of the stream yet", r.Name)
		}
	}
	return nil
}
