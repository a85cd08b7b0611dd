package logset

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Many that want a share never have more than there is, and get theirs in their order.
func TestBudgetBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{most: 100}
		var mu sync.Mutex
		var all sync.WaitGroup
		var out, most int64
		var order []int
		for i := range 200 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Microsecond)
				s, err := b.take(t.Context(), int64(1+i%40))
				if err != nil {
					t.Error(err)
					return
				}
				n := s.bytes
				mu.Lock()
				out, order = out+n, append(order, i)
				most = max(most, out)
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				mu.Lock()
				out -= n
				mu.Unlock()
				s.giveBack()
			})
		}
		all.Wait()
		if most > b.most || most < b.most/2 {
			t.Errorf("%d bytes were out at once, of %d", most, b.most)
		}
		for i, n := range order {
			if n < i-40 || n > i+40 { // those that are given at the same moment may run in any order
				t.Fatalf("number %d got its share as number %d", n, i)
			}
		}
		if len(b.shares)+len(b.waiting) > 0 || b.timer != nil {
			t.Errorf("%d shares are out and %d wait when nobody is left", len(b.shares), len(b.waiting))
		}
	})
}

// Hosts that say nothing keep the others for two seconds and not for half a minute, but never
// come to have more than twice the budget beside what the others have.
func TestBudgetSilentHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{most: 100}
		silent := func(n int64) { // as long as a session may be silent
			s, err := b.take(t.Context(), n)
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(30 * time.Second)
			s.giveBack()
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { silent(1) })
		}
		synctest.Wait()
		began := time.Now()
		moves, err := b.take(t.Context(), 30)
		if err != nil || time.Since(began) > overdue+lookOverdue {
			t.Errorf("behind silent hosts a share came after %v: %v", time.Since(began), err)
		}
		for range 400 {
			all.Go(func() { silent(1) })
		}
		moves.giveBack()
		time.Sleep(5 * time.Second)
		var out int64
		b.mu.Lock()
		for _, s := range b.shares {
			out += s.bytes
		}
		b.mu.Unlock()
		if out != 300 {
			t.Errorf("silent hosts have %d shares", out)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beyond what there is for silent hosts: %v", err)
		}
		all.Wait()
		if len(b.shares)+len(b.waiting) > 0 {
			t.Errorf("%d shares are out and %d wait when nobody is left", len(b.shares), len(b.waiting))
		}
	})
}

// Who can do without gets nothing while others wait.
func TestBudgetTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{most: 100}
		first, err := b.take(t.Context(), 200) // all that there is
		if err != nil || first.bytes != b.most {
			t.Fatal(first, err)
		}
		if b.try(1) != nil {
			t.Error("more than there is was given")
		}
		go func() {
			time.Sleep(time.Second)
			first.giveBack()
		}()
		second, err := b.take(t.Context(), 10)
		if err != nil || second.bytes != 10 {
			t.Fatal(second, err)
		}
		if s := b.try(90); s == nil {
			t.Error("what is left was not given")
		} else {
			s.giveBack()
		}
		second.giveBack()
	})
}
