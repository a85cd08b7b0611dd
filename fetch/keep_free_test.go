package fetch

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/sshdial"
)

// A refusal that was mended by hand does not keep a session down for the rest of the
// five minutes; one that stands, or of which nobody knows, does.
func TestKeeperFreed(t *testing.T) {
	stands := errors.New("refused")
	for name, c := range map[string]struct {
		mended time.Duration // after which a login is allowed again
		ask    bool
		want   time.Duration // until the second attempt
	}{
		"mended":   {33 * time.Second, true, 40 * time.Second},
		"stands":   {time.Hour, true, keepMost},
		"no guess": {0, true, keepMost}, // it never forbade one
		"nobody":   {0, false, keepMost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var tried []time.Time
				k := &Keeper{Pool: &Pool{}, Hosts: []Host{{Name: "h"}}, Log: slog.New(slog.DiscardHandler)}
				k.wait = func(d time.Duration) time.Duration { return d }
				k.Dial = func(context.Context) (*sshdial.Client, error) {
					if tried = append(tried, time.Now()); len(tried) == 2 {
						cancel()
					}
					return nil, &sshdial.Error{Kind: sshdial.KindLoginRefused, Stage: sshdial.StageLogin}
				}
				began := time.Now()
				if c.ask {
					k.Blocked = func(context.Context) error {
						if time.Since(began) < c.mended {
							return stands
						}
						return nil
					}
				}
				k.Run(ctx)
				if len(tried) != 2 || tried[1].Sub(tried[0]) != c.want {
					t.Errorf("attempts at %v, want the second after %v", tried, c.want)
				}
			})
		})
	}
}
