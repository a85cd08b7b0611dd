package cucm

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestBudget: in no span of a minute begin more calls than it allows, and none waits
// longer than that takes.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(5)
		began := time.Now()
		starts := make(chan time.Time)
		const calls = 25
		for i := range calls {
			go func() {
				time.Sleep(time.Duration(i%4) * 7 * time.Second)
				if err := b.wait(t.Context()); err != nil {
					t.Error(err)
				}
				starts <- time.Now()
			}()
		}
		var at []time.Time
		for range calls {
			at = append(at, <-starts)
		}
		for i := range at {
			if i >= 5 && at[i].Sub(at[i-5]) < time.Minute {
				t.Errorf("call %d begins %s after the fifth before it", i, at[i].Sub(at[i-5]))
			}
		}
		if took := time.Since(began); took > 6*aMinute {
			t.Errorf("%d calls took %s", calls, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.wait(ctx); err == nil || time.Since(at[len(at)-1]) > 5*time.Second {
			t.Errorf("a wait that is given up: %v", err)
		}
	})
}
