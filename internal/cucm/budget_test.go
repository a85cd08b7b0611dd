package cucm

import (
	"context"
	"os"
	"path/filepath"
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

// TestBudgetKept: who is started again goes on with the budget, of each cluster its own, and damage or a clock
// that was set back costs no more than that.
func TestBudgetKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "calls")
		var at []time.Time
		for range 6 { // processes
			var all Budgets
			if err := all.Keep(dir); err != nil {
				t.Fatal(err)
			}
			ris, _ := all.of("one")
			for range 3 {
				if err := ris.wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				at = append(at, time.Now())
			}
			other, _ := all.of("two")
			if began := time.Now(); len(at) == 3 && (other.wait(t.Context()) != nil || time.Since(began) > 0) {
				t.Error("another cluster had to wait")
			}
		}
		for i := risPerMinute; i < len(at); i++ {
			if d := at[i].Sub(at[i-risPerMinute]); d < time.Minute {
				t.Errorf("call %d begins %s after the fifth before it", i, d)
			}
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, text := range []string{"[", `["2099-01-01T00:00:00Z","2099-01-01T00:00:00Z","2099-01-01T00:00:00Z","2099-01-01T00:00:00Z","2099-01-01T00:00:00Z"]`} {
			for _, f := range files {
				if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var all Budgets
			if err := all.Keep(dir); err != nil {
				t.Fatal(err)
			}
			ris, _ := all.of("one")
			if began := time.Now(); ris.wait(t.Context()) != nil || time.Since(began) > 0 {
				t.Errorf("after %s it waits %s", text, time.Since(began))
			}
		}
	})
}

// TestBudgetSetBack: calls that an earlier process made hold nobody up for longer than a minute when the
// clock is set back after the start.
func TestBudgetSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBudget(2), time.Now()
		b.last[0] = began.Add(24 * time.Hour)
		if err := b.wait(t.Context()); err != nil || time.Since(began) > aMinute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
