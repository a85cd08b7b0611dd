package handover

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/handover/sink"
)

// people is a destination that goes to several, one of whom is not reached at first.
type people struct {
	mu    sync.Mutex
	later int // attempts that do not reach bob
	got   []string
}

func (p *people) Deliver(_ context.Context, a sink.Artifact) (r sink.Receipt, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, who := range []string{"ann", "bob"} {
		switch {
		case slices.Contains(a.Reached, who):
		case who == "bob" && p.later > 0:
			p.later--
			err = &sink.Error{Cause: sink.Busy, Alone: true, Err: context.DeadlineExceeded}
		default:
			p.got, r.Reached = append(p.got, who), append(r.Reached, who)
		}
	}
	return r, err
}

func (p *people) Check(context.Context) error { return nil }

func (p *people) had() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// TestReached: who has it of an attempt that failed for others is spared at the next, after a
// restart too, and the others' next bundle does not wait for it; sent once more by hand all get it.
func TestReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &people{later: 2}
		b.begin(destination("tell", to))
		f := b.bundle(1, 1)
		name := b.add(f, "tell")
		for len(to.had()) == 0 {
			time.Sleep(time.Second)
		}
		if v := b.until(name, Prepared); v.Cause != string(sink.Busy) {
			t.Errorf("%+v", v)
		}
		b.end()
		b.begin(destination("tell", to))
		b.until(name, Done)
		if got := to.had(); !slices.Equal(got, []string{"ann", "bob"}) {
			t.Fatal(got)
		}
		if _, err := b.Send(f, "tell", "eve", ""); err != nil {
			t.Fatal(err)
		}
		b.until(name, Done)
		for len(to.had()) < 4 {
			time.Sleep(time.Second)
		}
		if got := to.had(); !slices.Equal(got, []string{"ann", "bob", "ann", "bob"}) {
			t.Fatal(got)
		}
	})
}
