package hostconn

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch/hostconn/turns"
	"rtmtgrab/internal/sshdial"
)

// No redial comes before it may, and those of many come at times of their own.
func TestJitter(t *testing.T) {
	for _, c := range []struct{ step, calm, least, most time.Duration }{
		{keepFirst, 0, keepFirst * 3 / 4, keepFirst * 5 / 4},
		{keepMost, 0, keepMost * 3 / 4, keepMost * 5 / 4},
		{keepFirst, keepLogin, keepLogin, keepLogin * 5 / 4}, // the login's budget
		{keepMost, keepMost, keepMost, keepMost * 5 / 4},
		{keepFirst, keepNoSFTP, keepNoSFTP, keepNoSFTP * 5 / 4},
	} {
		seen := map[time.Duration]bool{}
		for range 1000 {
			d := turns.Jitter(c.step, c.calm)
			if seen[d] = true; d < c.least || d > c.most {
				t.Errorf("%+v: %v", c, d)
			}
		}
		if len(seen) < 500 {
			t.Errorf("%+v: only %d different ones of 1000", c, len(seen))
		}
	}
}

// While a thousand keepers wait for their turns, at the start and when all have just lost their
// sessions, whoever has an incident dials at once; and a host that was dialed so is not dialed again.
func TestGrabAwaitsNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hosts = 1000
		pool := &Pool{}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		unreachable := errors.New("no route to host")
		for i := range hosts {
			name := strconv.Itoa(i)
			k := &Keeper{Pool: pool, Key: name, Name: name, Log: slog.New(slog.DiscardHandler), Dial: func(context.Context) (*sshdial.Client, error) { return nil, unreachable }}
			all.Go(func() { k.Run(ctx) })
		}
		for _, moment := range []time.Duration{0, 5 * time.Second, 10 * time.Second, time.Minute} {
			time.Sleep(moment)
			for _, key := range []string{"0", "500", "999"} {
				began := time.Now()
				dialed := false
				_, err := pool.Get(ctx, key, Commands{}, func(context.Context) (*sshdial.Client, error) {
					dialed = true
					return nil, unreachable
				})
				if waited := time.Since(began); !dialed || waited != 0 || !errors.Is(err, unreachable) {
					t.Errorf("after another %v, host %s: dialed %v, after %v: %v", moment, key, dialed, waited, err)
				}
			}
		}
		s := pool.slots["999"]
		s.dialed <- struct{}{} // as Get does after a dial that went well
		synctest.Wait()
		select {
		case <-s.dialed:
			t.Error("its keeper sleeps on")
		default:
		}
		cancel()
		all.Wait()
	})
}
