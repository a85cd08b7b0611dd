package collector

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/sshdial"
)

// A thousand hosts that are not reached for an hour are each dialed a few times, and at times
// of their own: no second has many of them, neither the first nor any later one.
func TestReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hosts = 1000
		pool, began := &hostconn.Pool{}, time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		dials, seconds := map[string]int{}, map[int]int{}
		var all sync.WaitGroup
		for i := range hosts {
			name := strconv.Itoa(i)
			k := &hostconn.Keeper{Pool: pool, Key: name, Name: name, Log: slog.New(slog.DiscardHandler), Dial: func(context.Context) (*sshdial.Client, error) {
				mu.Lock()
				defer mu.Unlock()
				dials[name]++
				seconds[int(time.Since(began).Seconds())]++
				return nil, errors.New("no route to host")
			}}
			all.Go(func() { k.Run(ctx) })
		}
		time.Sleep(time.Hour)
		cancel()
		all.Wait()
		most := 0
		for _, n := range dials {
			most = max(most, n)
		}
		if len(dials) != hosts || most > 20 {
			t.Errorf("of %d hosts one was dialed %d times within an hour", len(dials), most)
		}
		peak := map[string]int{}
		for second, n := range seconds {
			when := "first minute"
			switch {
			case second == 0:
				when = "start"
			case second >= 900:
				when = "after 15 min"
			case second >= 60:
				when = "after a minute"
			}
			peak[when] = max(peak[when], n)
		}
		t.Logf("most dials of a host within an hour: %d; most within a second: %v", most, peak)
		for when, n := range peak {
			if n > hosts/20 {
				t.Errorf("within one second %d of %d hosts were dialed: %s", n, hosts, when)
			}
		}
	})
}
