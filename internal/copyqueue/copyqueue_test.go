package copyqueue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// copyOff reads bytes in chunks, each of which takes a while, and returns when it ended.
func copyOff(t *testing.T, q *Queue, c Claim, bytes int64, each time.Duration) (ended time.Time) {
	turn := q.Join(c)
	defer turn.Leave()
	const chunk = 1 << 20
	for ; bytes > 0; bytes -= chunk {
		if err := turn.Wait(t.Context(), chunk); err != nil {
			t.Error(err)
		}
		time.Sleep(each)
	}
	return time.Now()
}

// Peers that answer a chunk in an hour have all the places that they can get; another
// site's copy waits only until it shows that they have stalled.
func TestSickSites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{PerHost: 2, PerSite: 4, All: 4}
		var sick sync.WaitGroup
		for site := range 3 {
			for host := range 4 {
				sick.Go(func() {
					copyOff(t, q, Claim{Host: fmt.Sprint(site, host), Site: fmt.Sprint(site), Deadline: time.Now()}, 4<<20, time.Hour)
				})
			}
		}
		synctest.Wait()
		began := time.Now()
		ended := copyOff(t, q, Claim{Host: "good", Site: "good", Alert: began}, 100<<20, time.Millisecond)
		if took := ended.Sub(began); took > 10*stalled {
			t.Errorf("waited %v for sites that are sick", took)
		}
		sick.Wait()
	})
}

// What will be overwritten first is copied first, then what is older; each place is free
// for the next after a slice.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{All: 1}
		now := time.Now()
		first := q.Join(Claim{Host: "first", Site: "first"})
		if err := first.Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		claims := []Claim{
			{Host: "drill", Alert: now.Add(-time.Hour), Deadline: now, Yields: true},
			{Host: "young", Alert: now},
			{Host: "old", Alert: now.Add(-time.Hour)},
			{Host: "late", Alert: now.Add(-time.Hour), Deadline: now.Add(time.Hour)},
			{Host: "soon", Alert: now, Deadline: now.Add(time.Minute)},
		}
		var mu sync.Mutex
		var order []string
		var all sync.WaitGroup
		for _, c := range claims {
			c.Site = c.Host
			all.Go(func() {
				turn := q.Join(c)
				defer turn.Leave()
				if err := turn.Wait(t.Context(), 1); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, c.Host)
				mu.Unlock()
			})
		}
		synctest.Wait()
		first.Leave()
		all.Wait()
		if got := fmt.Sprint(order); got != "[soon late old young drill]" {
			t.Error(got)
		}
	})
}

// A long copy lets one that is not safe in after a slice, and both end.
func TestSlices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{All: 1}
		var both sync.WaitGroup
		var long, short time.Time
		both.Go(func() { long = copyOff(t, q, Claim{Host: "long", Site: "a"}, 20*slice, time.Millisecond) })
		synctest.Wait()
		both.Go(func() {
			short = copyOff(t, q, Claim{Host: "short", Site: "b", Deadline: time.Now()}, slice, time.Millisecond)
		})
		both.Wait()
		if !short.Before(long) {
			t.Errorf("the short copy ended %v after the long one", short.Sub(long))
		}
	})
}

// A host and a site never have more than their places, and all copies end.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{PerHost: 2, PerSite: 3, All: 5}
		var mu sync.Mutex
		now := map[string]int{}
		count := func(key string, d, most int) {
			mu.Lock()
			defer mu.Unlock()
			if now[key] += d; now[key] > most {
				t.Errorf("%s: %d at a time", key, now[key])
			}
		}
		var all sync.WaitGroup
		for i := range 60 {
			site, host := fmt.Sprint("site", i%4), fmt.Sprint("host", i%12)
			all.Go(func() {
				turn := q.Join(Claim{Host: host, Site: site})
				defer turn.Leave()
				if err := turn.Wait(t.Context(), 1); err != nil {
					t.Error(err)
				}
				count(site, 1, 3)
				count(host, 1, 2)
				count("all", 1, 5)
				time.Sleep(stalled / 2)
				count(site, -1, 3)
				count(host, -1, 2)
				count("all", -1, 5)
			})
		}
		all.Wait()
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.waiting)+len(q.working) > 0 || q.retry != nil {
			t.Errorf("%d wait and %d work when all have left", len(q.waiting), len(q.working))
		}
	})
}

// Who waits no longer than its context lets the place to the next.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{All: 1}
		first := q.Join(Claim{Host: "a", Site: "a"})
		if err := first.Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		second, given := q.Join(Claim{Host: "b", Site: "b"}), errors.New("given up")
		time.AfterFunc(time.Second, func() { cancel(given) })
		if err := second.Wait(ctx, 1); !errors.Is(err, given) {
			t.Error(err)
		}
		second.Leave()
		first.Leave()
		third := q.Join(Claim{Host: "c", Site: "c"})
		if err := third.Wait(t.Context(), 1); err != nil {
			t.Error(err)
		}
		third.Leave()
	})
}

// Without a queue nobody waits.
func TestNone(t *testing.T) {
	var q *Queue
	turn := q.Join(Claim{})
	if err := turn.Wait(t.Context(), 1<<40); err != nil {
		t.Error(err)
	}
	turn.Leave()
}
