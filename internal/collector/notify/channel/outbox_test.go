package channel

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

// way is a channel whose answers are given.
type way struct {
	mu     sync.Mutex
	answer func(n Notice) error
	got    []Notice
	tries  int
}

func (w *way) Send(ctx context.Context, n Notice) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries++
	if w.answer != nil {
		if err := w.answer(n); err != nil {
			return err
		}
	}
	w.got = append(w.got, n)
	return nil
}

func (w *way) set(answer func(Notice) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// all is what came, and after how many tries.
func (w *way) all() ([]Notice, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got), w.tries
}

// waiting is the number of notices that wait.
func waiting(o *Outbox) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.names)
}

func (w *way) texts() string {
	got, _ := w.all()
	var s []string
	for _, n := range got {
		s = append(s, n.Subject)
	}
	return strings.Join(s, " ")
}

func box(t *testing.T, dir string, c Channel) *Outbox {
	t.Helper()
	o := &Outbox{Name: "mail", Dir: dir, Channel: c}
	if err := o.Open(); err != nil {
		t.Fatal(err)
	}
	return o
}

func note(kind, subject string) Notice {
	return Notice{ID: id(subject), Kind: kind, Time: time.Now(), Subject: subject}
}

func deliver(t *testing.T, o *Outbox) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); o.Deliver(ctx) }()
	return func() { cancel(); <-done }
}

func TestOutboxOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, w := filepath.Join(t.TempDir(), "outbox", "mail"), &way{}
		w.set(func(Notice) error { return errors.New("no route") })
		o := box(t, dir, w)
		stop := deliver(t, o)
		for _, s := range []string{"a", "b", "a"} { // the same twice is one
			if err := o.Add(note(KindProblems, s)); err != nil {
				t.Fatal(err)
			}
			o.Wake()
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour)
		if _, tries := w.all(); tries < 10 || tries > 30 {
			t.Errorf("%d tries in an hour", tries)
		}
		var r status.Report
		o.Report(&r)
		if len(r.Problems) != 1 || r.Problems[0].Key != "notice/mail" || r.Problems[0].Blocks || !strings.Contains(r.Problems[0].What, "2 are waiting: no route") {
			t.Errorf("%+v", r.Problems)
		}
		stop() // a restart
		w.set(nil)
		o = box(t, dir, w)
		stop = deliver(t, o)
		synctest.Wait()
		if w.texts() != "a b" || waiting(o) != 0 {
			t.Errorf("%s, %d wait", w.texts(), waiting(o))
		}
		stop()
		if again := box(t, dir, w); waiting(again) != 0 {
			t.Error("what was delivered is still there")
		}
		r = status.Report{}
		if o.Report(&r); len(r.Problems) != 0 {
			t.Errorf("%+v", r.Problems)
		}
	})
}

// TestOutboxIsBounded: the oldest notices of problems go first, and the next one
// that is delivered says how many.
func TestOutboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 20
		dir, w := t.TempDir(), &way{}
		o := box(t, dir, w)
		o.Most = most
		if err := o.Add(note(KindSealed, "bundle")); err != nil {
			t.Fatal(err)
		}
		for i := range most + 4 {
			time.Sleep(time.Second)
			if err := o.Add(note(KindProblems, fmt.Sprint("p", i))); err != nil {
				t.Fatal(err)
			}
		}
		o = box(t, dir, w) // the number is kept over a restart
		stop := deliver(t, o)
		synctest.Wait()
		stop()
		got, _ := w.all()
		if len(got) != most || got[0].Subject != "bundle" || got[0].Dropped != 5 || got[1].Subject != "p5" || got[1].Dropped != 0 {
			t.Fatalf("%d: %+v", len(got), got[:min(2, len(got))])
		}
		if !strings.Contains(got[0].body(), "5 notifications") {
			t.Error(got[0].body())
		}
	})
}

// TestOutboxRefusal: a notice that is refused does not hold up those behind it, and
// a channel may say when it wants to be asked again.
func TestOutboxRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &way{}
		w.set(func(n Notice) error {
			if n.Subject == "bad" {
				return &Refusal{errors.New("too long")}
			}
			return nil
		})
		o := box(t, t.TempDir(), w)
		defer deliver(t, o)()
		for _, s := range []string{"bad", "good"} {
			if err := o.Add(note(KindProblems, s)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		o.Wake()
		time.Sleep(time.Minute)
		if got, tries := w.all(); w.texts() != "good" || tries != maxRefusals+1 || got[0].Dropped != 1 {
			t.Errorf("%q after %d tries", w.texts(), tries)
		}
		for _, c := range []struct{ ask, wait time.Duration }{{30 * time.Second, 30 * time.Second}, {24 * time.Hour, longestWait}} {
			said := false
			w.set(func(Notice) error {
				if !said {
					said = true
					return &Wait{c.ask, errors.New("slow down")}
				}
				return nil
			})
			if err := o.Add(note(KindProblems, c.ask.String())); err != nil {
				t.Fatal(err)
			}
			start, before := time.Now(), waiting(o)
			o.Wake()
			for waiting(o) == before {
				time.Sleep(time.Second)
			}
			if took := time.Since(start); took < c.wait || took > c.wait+2*time.Second {
				t.Errorf("came again after %v, want %v", took, c.wait)
			}
		}
	})
}

// TestDesk: two channels, one dead; what is told reaches the other at once, and the
// dead one is a problem itself that is told in the end.
func TestDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, good, dead := t.TempDir(), &way{}, &way{}
		dead.set(func(Notice) error { return errors.New("gone") })
		var mu sync.Mutex
		problems := []status.Problem{{Key: "disk", What: "full", Blocks: true}, {Key: "host/a", What: "down"}}
		d := &Dispatcher{Tracker: &Tracker{After: 5 * time.Minute, File: filepath.Join(dir, "notices.json")}, Log: quietLog,
			Boxes: []*Outbox{{Name: "mail", Dir: filepath.Join(dir, "a"), Channel: dead}, {Name: "command", Dir: filepath.Join(dir, "b"), Channel: good}}}
		d.Problems = func() []status.Problem {
			mu.Lock()
			defer mu.Unlock()
			r := status.Report{Problems: append([]status.Problem{}, problems...)}
			d.Report(&r)
			return r.Problems
		}
		if err := d.Open(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); d.Run(ctx) }()
		time.Sleep(6 * time.Minute)
		if good.texts() != "grab: 2 problems" {
			t.Fatal(good.texts())
		}
		got, _ := good.all()
		if text := got[0].Text; !strings.Contains(text, "disk, since") || !strings.Contains(text, "full") || strings.Index(text, "disk") > strings.Index(text, "host/a") {
			t.Error(text)
		}
		time.Sleep(10 * time.Minute)
		if good.texts() != "grab: 2 problems grab: notice/mail" {
			t.Error(good.texts())
		}
		dead.set(nil)
		mu.Lock()
		problems = problems[1:]
		mu.Unlock()
		time.Sleep(10 * time.Minute)
		got, _ = good.all()
		if !strings.Contains(good.texts(), "grab: disk resolved") || !strings.Contains(good.texts(), "grab: notice/mail resolved") || got[len(got)-1].Changes[0].Ended.IsZero() {
			t.Error(good.texts())
		}
		if dead.texts() != good.texts() {
			t.Errorf("the one got %s, the other %s", dead.texts(), good.texts())
		}
		cancel()
		<-done
	})
}

// slow is a channel that takes a while.
type slow struct {
	way
	takes time.Duration
}

func (s *slow) Send(ctx context.Context, n Notice) error {
	select {
	case <-time.After(s.takes):
		return s.way.Send(ctx, n)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// TestOutboxEnds: what is under way at the end is brought to its own, and no more is
// begun; but a channel that hangs does not hold the end up.
func TestOutboxEnds(t *testing.T) {
	for _, c := range []struct {
		takes, ends time.Duration
		left        int
	}{{time.Second, time.Second, 1}, {time.Hour, 500*time.Millisecond + grace, 2}} {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{takes: c.takes}
			o := box(t, t.TempDir(), s)
			for i := range 2 {
				if err := o.Add(note(KindProblems, fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			start := time.Now()
			stop := deliver(t, o)
			time.Sleep(500 * time.Millisecond)
			stop()
			if took := time.Since(start); took != c.ends || waiting(o) != c.left {
				t.Errorf("it ended after %v, %d wait: %+v", took, waiting(o), c)
			}
		})
	}
}
