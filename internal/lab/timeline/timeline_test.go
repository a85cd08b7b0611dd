package timeline

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Tasks run in the order of their times, those of one moment in the order in which they
// were added, and what is late runs at the time that it is then.
func TestOrder(t *testing.T) {
	flushed := 0
	tl := New(func() { flushed++ })
	begin := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	var ran []string
	note := func(name string) func(time.Time) {
		return func(at time.Time) { ran = append(ran, name+at.Sub(begin).String()) }
	}
	tl.At(begin.Add(2*time.Second), note("c "))
	tl.At(begin.Add(time.Second), note("a "))
	tl.At(begin.Add(time.Second), func(at time.Time) {
		note("b ")(at)
		tl.At(begin, note("late "))
	})
	tl.At(begin.Add(4*time.Second), note("beyond "))
	if tl.Begun() {
		t.Error("it has not run")
	}
	tl.RunUntil(begin.Add(3 * time.Second))
	if want := []string{"a 1s", "b 1s", "late 1s", "c 2s"}; !slices.Equal(ran, want) || flushed != 1 || !tl.Begun() {
		t.Errorf("%q, want %q; flushed %d times", ran, want, flushed)
	}
}

// Live runs a task when it is due, one that is added meanwhile too, and ends with its context.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := New(func() {})
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		var after []time.Duration
		note := func(time.Time) { after = append(after, time.Since(begin)) }
		tl.At(begin.Add(time.Minute), note)
		done := make(chan struct{})
		go func() { tl.Live(ctx); close(done) }()
		time.Sleep(10 * time.Second)
		tl.At(begin.Add(30*time.Second), note)
		time.Sleep(2 * time.Minute)
		cancel()
		<-done
		if want := []time.Duration{30 * time.Second, time.Minute}; !slices.Equal(after, want) {
			t.Errorf("%v, want %v", after, want)
		}
	})
}
