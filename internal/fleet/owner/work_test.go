package owner

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// endless is a consumer whose requests do not come to an end.
type endless struct {
	jetstream.Consumer
	asked chan struct{}
}

func (e endless) Fetch(int, ...jetstream.FetchOpt) (jetstream.MessageBatch, error) {
	close(e.asked)
	return noBatch{}, nil
}

type noBatch struct{}

func (noBatch) Messages() <-chan jetstream.Msg { return nil }
func (noBatch) Error() error                   { return nil }

// TestFetchEnds: who stops does not wait for a request to come to its end.
func TestFetchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := endless{asked: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- fetch(ctx, e, nil, time.Hour) }()
	<-e.asked
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits")
	}
}
