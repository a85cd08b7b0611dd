package hostconn

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/sshdial"
)

// What was fixed by hand does not keep a session down for the rest of the five
// minutes; what stands, or of which nothing tells, does.
func TestKeeperMended(t *testing.T) {
	refused := &sshdial.Error{Kind: sshdial.KindLoginRefused, Stage: sshdial.StageLogin}
	for name, c := range map[string]struct {
		mended time.Duration // after which it is
		tells  bool
		want   time.Duration // until the second attempt
	}{
		"mended": {33 * time.Second, true, 40 * time.Second},
		"stands": {time.Hour, true, keepMost},
		"untold": {0, false, keepMost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var tried []time.Time
				k := &Keeper{Pool: &Pool{}, Name: "h", Log: slog.New(slog.DiscardHandler)}
				k.wait = func(d time.Duration) time.Duration { return d }
				k.Dial = func(context.Context) (*sshdial.Client, error) {
					if tried = append(tried, time.Now()); len(tried) == 2 {
						cancel()
					}
					return nil, refused
				}
				began := time.Now()
				k.Fixed = func(_ context.Context, err error) func() bool {
					if !errors.Is(err, refused) {
						t.Error(err)
					}
					if !c.tells {
						return nil
					}
					return func() bool { return time.Since(began) >= c.mended }
				}
				k.Run(ctx)
				if len(tried) != 2 || tried[1].Sub(tried[0]) != c.want {
					t.Errorf("attempts at %v, want the second after %v", tried, c.want)
				}
			})
		})
	}
}
