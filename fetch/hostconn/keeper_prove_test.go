package hostconn_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/sshdial"
)

// A keeper proves its host again and again; a proof that failed is made once more before
// the next is due, and its clock is measured every other time.
func TestKeeperProves(t *testing.T) {
	w := newWarmHost(t)
	type call struct {
		hostconn.Look
		at time.Time
	}
	calls, clocks := make(chan call), make(chan time.Duration, 100)
	const period = 2 * time.Second
	k := &hostconn.Keeper{Pool: w.pool, Key: "k", Commands: hostconn.Commands{Allowed: true}, Name: "expc01", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Period: period,
		Dial: func(ctx context.Context) (*sshdial.Client, error) { return sshdial.Dial(ctx, w.dial) },
		Prove: func(ctx context.Context, _ hostconn.Conn, l hostconn.Look) bool {
			select {
			case calls <- call{l, time.Now()}:
			case <-ctx.Done():
			}
			return l.Deep
		},
		State: func(s hostconn.KeeperState) {
			if s.Up && s.Clock != nil && s.ClockErr == nil {
				select {
				case clocks <- *s.Clock:
				default:
				}
			}
		}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	if c := <-calls; !c.Deep || c.Last {
		t.Errorf("the first: %+v", c)
	}
	if first, again := <-calls, <-calls; first.Deep || first.Last || !again.Last {
		t.Errorf("%+v, then %+v", first, again)
	}
	<-clocks
	for n := 2; n < 6; n++ { // what is known to be wrong needs no second look
		if c := <-calls; c.Deep || !c.Last {
			t.Errorf("%+v", c)
		}
		if n%2 == 0 {
			<-clocks
		}
	}
	if len(clocks) > 0 {
		t.Error("its clock was measured more often")
	}
	cancel()
	<-done
}
