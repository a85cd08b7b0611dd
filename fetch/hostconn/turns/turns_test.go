package turns

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Who waits for a turn does not outwait its context.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, began := &Turns{}, time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := p.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != 99*Gap {
			t.Errorf("a hundred turns took %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := &Turns{}
		for range 10 {
			p.Next()
		}
		ctx, cancel := context.WithTimeout(t.Context(), Gap)
		defer cancel()
		began := time.Now()
		if err := p.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != Gap {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
