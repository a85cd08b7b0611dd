package admission

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// While the processors are full few are inside at a time, in the order in which they came.
func TestFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Controller{Saturated: func() bool { return true }}
		var inside, most atomic.Int32
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				release, err := d.Acquire(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer release()
				most.Store(max(most.Load(), inside.Add(1)))
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				time.Sleep(10 * time.Millisecond)
				inside.Add(-1)
			})
			synctest.Wait()
		}
		wg.Wait()
		if most.Load() > few {
			t.Errorf("%d were inside", most.Load())
		}
		if len(order) != 1000 || !slices.IsSortedFunc(order, func(a, b int) int { return a/few - b/few }) {
			t.Errorf("they came in as %v", order)
		}
	})
}

// Hosts that do not answer keep nobody waiting for long, full or not; and while there is time
// a thousand are inside at once.
func TestSlow(t *testing.T) {
	for full, most := range map[bool]time.Duration{true: 100 / few * counts, false: 100 / few * gap} {
		synctest.Test(t, func(t *testing.T) {
			d := &Controller{Saturated: func() bool { return full }}
			ctx, cancel := context.WithCancel(t.Context())
			began := time.Now()
			var entered, all sync.WaitGroup
			for range 100 {
				entered.Add(1)
				all.Go(func() {
					release, err := d.Acquire(ctx)
					if err != nil {
						t.Error(err)
					}
					entered.Done()
					<-ctx.Done()
					release()
				})
			}
			entered.Wait()
			if took := time.Since(began); took > most {
				t.Errorf("full %t: the last of 100 came in after %v", full, took)
			}
			cancel()
			all.Wait()
			if d.inside != 0 || d.look != nil || d.nobody != nil {
				t.Errorf("full %t: afterwards %+v", full, d)
			}
		})
	}
}

// Who gives up waits no longer, and takes nobody's place.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Controller{Saturated: func() bool { return true }}
		var releases []func()
		for range few {
			release, err := d.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := d.Acquire(ctx)
			ended <- err
		}()
		synctest.Wait()
		cancel(gone)
		if err := <-ended; !errors.Is(err, gone) {
			t.Error(err)
		}
		for _, release := range releases {
			release()
			release()
		}
		if d.inside != 0 || len(d.waiting) != 0 || d.look != nil {
			t.Errorf("afterwards %+v", d)
		}
	})
}

// WaitEmpty waits until nobody waits for admission, but not for ever.
func TestClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Controller{Saturated: func() bool { return true }}
		began := time.Now()
		d.WaitEmpty(t.Context(), time.Hour)
		if took := time.Since(began); took > 0 {
			t.Errorf("with nobody there: %v", took)
		}
		var all sync.WaitGroup
		defer all.Wait()
		for range 2 * few {
			all.Go(func() {
				release, err := d.Acquire(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(100 * time.Millisecond)
				release()
			})
		}
		synctest.Wait()
		d.WaitEmpty(t.Context(), 20*time.Millisecond)
		if took := time.Since(began); took != 20*time.Millisecond {
			t.Errorf("it waited for %v, not 20 ms", took)
		}
		d.WaitEmpty(t.Context(), time.Hour)
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("all were inside after %v", took)
		}
	})
}

// The runtime says how many goroutines wait for a processor: if it did not, a Controller would never be saturated.
func TestSaturatedAsTheRuntimeSays(t *testing.T) {
	m := []metrics.Sample{{Name: runnable}}
	if metrics.Read(m); m[0].Value.Kind() != metrics.KindUint64 {
		t.Errorf("%s is of kind %v", runnable, m[0].Value.Kind())
	}
}

// However many come, give up, hang and release, nobody is forgotten and nothing is left.
func TestComingAndGoing(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			var full atomic.Bool
			d := &Controller{Saturated: full.Load}
			var all sync.WaitGroup
			for range 300 {
				time.Sleep(time.Duration(rnd.IntN(5)) * time.Millisecond)
				full.Store(rnd.IntN(3) > 0)
				patience, stay, quits := time.Duration(rnd.IntN(900))*time.Millisecond, time.Duration(rnd.IntN(800))*time.Millisecond, rnd.IntN(3) == 0
				all.Go(func() {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if quits {
						time.AfterFunc(patience, cancel)
					}
					release, err := d.Acquire(ctx)
					if err != nil {
						return
					}
					time.Sleep(stay)
					release()
				})
				all.Go(func() { d.WaitEmpty(t.Context(), time.Minute) })
			}
			began := time.Now()
			all.Wait()
			if took := time.Since(began); took > 300/few*counts+time.Second {
				t.Errorf("seed %d: the last has gone after %v", seed, took)
			}
			if d.inside != 0 || len(d.waiting) != 0 || d.look != nil || d.nobody != nil {
				t.Errorf("seed %d: afterwards %+v", seed, d)
			}
		})
	}
}

// Who is admitted counts for as long as is said, and one that is released before does not.
func TestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Controller{Counts: 2 * time.Second, Saturated: func() bool { return true }}
		began := time.Now()
		var first func()
		for i := range few {
			release, err := c.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = release
			}
		}
		first()
		for i, want := range []time.Duration{0, 2 * time.Second} {
			if _, err := c.Acquire(t.Context()); err != nil || time.Since(began) != want {
				t.Errorf("number %d beyond the first: %v after %v", i, err, time.Since(began))
			}
		}
		time.Sleep(c.Counts) // what counts still
	})
}
