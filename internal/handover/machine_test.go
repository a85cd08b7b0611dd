package handover

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rtmtgrab/internal/handover/sink"
)

// Whatever happens to a job, in whatever order: it is in one state with all that belongs to
// it, an attempt is open exactly while it runs, none is lost or counted twice, the end is
// the end until somebody asks for more, and its file gives it back.
func TestMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j := newJob(Finished{Key: "k", Incident: "k", Revision: 1, Bundle: "/b.zip"}, "share")
		at := now()
		causes := rapid.SampledFrom([]sink.Cause{sink.Unreachable, sink.Refused, sink.Mismatch, sink.Local, sink.Rejected})
		failure := func() error {
			return &sink.Error{Cause: causes.Draw(t, "cause"), Permanent: rapid.Bool().Draw(t, "permanent"), Unknown: rapid.Bool().Draw(t, "unknown"), Err: errState}
		}
		begun, id, again := 0, j.ID, 0
		may := func(op string, err error, from ...State) {
			ok := false
			for _, s := range from {
				ok = ok || s == j.State
			}
			if err == nil && ok {
				t.Fatalf("%s left it %s", op, j.State)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"prepared":   func(*rapid.T) { may("prepared", j.prepared(Artefact{Name: "b.zip"}, "t", at), Queued) },
			"unprepared": func(*rapid.T) { j.unprepared(failure(), "t", at, at.Add(time.Minute)) },
			"begin": func(*rapid.T) {
				was := j.State
				if j.begin(at) == nil {
					begun++
					if was != Prepared && was != Unknown {
						t.Fatalf("an attempt began of %s", was)
					}
				}
			},
			"deliver": func(*rapid.T) { may("deliver", j.deliver(sink.Receipt{Place: "there"}, at), Running) },
			"fail": func(*rapid.T) {
				err := failure()
				if j.fail(err, at, at.Add(time.Minute)) == nil && (sink.Permanent(err) != (j.State == Failed)) {
					t.Fatalf("%v left it %s", err, j.State)
				}
			},
			"stop":    func(*rapid.T) { may("stop", j.stop(rapid.Bool().Draw(t, "unsure"), at), Running) },
			"requeue": func(*rapid.T) { may("requeue", j.requeue(at), Running, Prepared, Unknown, Failed) },
			"reopen":  func(*rapid.T) { may("reopen", j.reopen(at), Failed) },
			"end": func(*rapid.T) {
				was := *j
				err := j.end(rapid.SampledFrom([]State{Superseded, Dropped, Failed}).Draw(t, "as"), "so", at)
				if err == nil && (was.State == Running || was.State.Final()) || err != nil && !reflect.DeepEqual(was, *j) {
					t.Fatalf("%s became %s, %v", was.State, j.State, err)
				}
			},
			"again": func(*rapid.T) {
				if j.again(at) == nil {
					again++
					if j.ID == id {
						t.Fatal("another delivery has the identity of the one before")
					}
					id = j.ID
				}
			},
			"crash": func(*rapid.T) {
				b, err := json.Marshal(j)
				if err != nil {
					t.Fatal(err)
				}
				var back Job
				if err := json.Unmarshal(b, &back); err != nil || !sane(&back) {
					t.Fatalf("%v: %s", err, b)
				}
				if *j = back; j.State == Running {
					j.stop(true, at)
				}
			},
			"": func(t *rapid.T) {
				open := 0
				for i, a := range j.Attempts {
					if i > 0 && a.N != j.Attempts[i-1].N+1 {
						t.Fatalf("attempts %+v", j.Attempts)
					}
					if a.Outcome == "" {
						open++
					}
				}
				switch {
				case j.tried() != begun || len(j.Attempts) > maxAttempts:
					t.Fatalf("%d attempts, %d were begun", j.tried(), begun)
				case (open == 1) != (j.State == Running) || open > 1:
					t.Fatalf("%d open attempts of %s", open, j.State)
				case (j.State == Done) != (j.Place != "") || j.State.Final() != !j.Ended.IsZero():
					t.Fatalf("%s, place %q, ended %v", j.State, j.Place, j.Ended)
				case (j.State == Failed || j.State == Superseded || j.State == Dropped) && j.Error == "":
					t.Fatalf("%s without a reason", j.State)
				case j.ID != id || j.Again != again || !sane(j):
					t.Fatalf("%+v", j)
				}
			},
		})
	})
}

// Pauses grow, are bounded, and are not all the same.
func TestPause(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, random := rapid.IntRange(-1, 1_000_000).Draw(t, "failures"), rapid.Float64Range(0, 1).Draw(t, "random")
		d := pause(n, random)
		if d < againFirst*3/4 || d > againMost*5/4 || pause(n, 0) >= pause(n, 0.99) || pause(n+1, random) < pause(n, random) {
			t.Fatalf("after %d failures %v", n, d)
		}
	})
}
