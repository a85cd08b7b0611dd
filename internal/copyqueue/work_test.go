package copyqueue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Places show who copies and who waits, in the order of the turns, with what each is for;
// who has left is not in them.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{All: 1}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		now := time.Now()
		join := func(name string, left int64, deadline time.Time, yields bool) *Turn {
			w := &Work{Incident: "of-" + name, Host: name}
			w.Left(left)
			turn := q.For(w).Join(Claim{Host: name + ":22", Site: "at-" + name, Alert: now, Deadline: deadline, Yields: yields})
			go turn.Wait(ctx, 1)
			synctest.Wait()
			return turn
		}
		first := join("first", 7, time.Time{}, false)
		turns := []*Turn{join("drill", 1, now, true), join("safe", 2, time.Time{}, false), join("late", 3, now.Add(time.Hour), false), join("soon", 4, now.Add(time.Minute), false)}
		want := []Place{
			{Incident: "of-first", Host: "first", Site: "at-first", Address: "first:22", Left: 7, Alert: now, Copies: true},
			{Incident: "of-soon", Host: "soon", Site: "at-soon", Address: "soon:22", Left: 4, Alert: now, Deadline: now.Add(time.Minute), Since: now},
			{Incident: "of-late", Host: "late", Site: "at-late", Address: "late:22", Left: 3, Alert: now, Deadline: now.Add(time.Hour), Since: now},
			{Incident: "of-safe", Host: "safe", Site: "at-safe", Address: "safe:22", Left: 2, Alert: now, Since: now},
			{Incident: "of-drill", Host: "drill", Site: "at-drill", Address: "drill:22", Left: 1, Alert: now, Since: now},
		}
		got := q.Places()
		if len(got) != len(want) {
			t.Fatalf("%+v", got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%d: %+v, want %+v", i, got[i], want[i])
			}
		}
		cancel()
		synctest.Wait()
		for _, turn := range append(turns, first) {
			turn.Leave()
		}
		if left := q.Places(); len(left) != 0 {
			t.Errorf("%+v", left)
		}
	})
}

// Without a queue nobody is in it, whatever it is for.
func TestForNone(t *testing.T) {
	var q *Queue
	if q.For(&Work{}).Join(Claim{}) != nil {
		t.Error("a turn of no queue")
	}
}
