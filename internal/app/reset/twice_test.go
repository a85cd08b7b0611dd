package reset

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
)

// Two people at once, and one who repeats himself: each phone is reset once, by name or not, until it is known
// what became of it, or somebody says that he means it.
func TestTwice(t *testing.T) {
	b := newBench(t)
	c := &lockedCluster{fakeCluster: b.c}
	b.d.Clusters = func(string) ([]Cluster, error) { return []Cluster{c}, nil }
	b.d.Show, b.d.Say = func(Plan) {}, func(string, ...any) {}
	b.d.Sleep = func(context.Context, time.Duration) error { return nil }
	asked := make(chan struct{})
	var both sync.WaitGroup
	both.Add(2)
	go func() { both.Wait(); close(asked) }()
	b.d.Ask = func(string) (bool, error) { both.Done(); <-asked; return true, nil } // both have seen the same plan
	q := Request{Incident: b.in.ID, By: "alice", WithoutPRT: "why"}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = b.d.Do(t.Context(), q) })
	}
	wg.Wait()
	if !slices.Equal(b.c.resets, []string{one, two}) || (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("reset were %v: %v", b.c.resets, errs)
	}
	b.d.Ask = func(string) (bool, error) { return true, nil }
	_, err := b.d.Do(t.Context(), Request{Incident: b.in.ID, By: "bob", WithoutPRT: "why", Phones: []string{two}})
	if err == nil || !strings.Contains(err.Error(), two+" was reset") || !strings.Contains(err.Error(), "by alice") || len(b.c.resets) != 2 {
		t.Errorf("%v: %v", b.c.resets, err)
	}
	if _, err = b.d.Do(t.Context(), Request{Incident: b.in.ID, By: "bob", WithoutPRT: "why", Phones: []string{two}, Again: true}); err != nil || len(b.c.resets) != 3 {
		t.Errorf("%v: %v", b.c.resets, err)
	}
}

type lockedCluster struct {
	*fakeCluster
	mu sync.Mutex
}

func (c *lockedCluster) Reset(ctx context.Context, device string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fakeCluster.Reset(ctx, device)
}

func (c *lockedCluster) Phones(ctx context.Context, q cucm.Query) (cucm.Phones, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fakeCluster.Phones(ctx, q)
}

// A mute cluster does what it is told, and its answer gets lost, or whoever asked is gone by then.
type mute struct {
	*fakeCluster
	leave context.CancelFunc
}

func (m *mute) Reset(ctx context.Context, device string) error {
	m.fakeCluster.Reset(ctx, device)
	e := &cucm.Error{Kind: cucm.KindUnreachable, Cluster: "c1", Sent: true}
	if m.leave != nil {
		m.leave()
		e.Kind, e.Err = cucm.KindCanceled, context.Canceled
	}
	return e
}

// A reset whose answer got lost may have been made: it is told as such, watched, and not made again in silence.
func TestAnswerLost(t *testing.T) {
	for _, left := range []bool{false, true} {
		b := newBench(t)
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			m := &mute{fakeCluster: b.c}
			if left {
				m.leave = cancel
			}
			b.d.Clusters = func(string) ([]Cluster, error) { return []Cluster{m}, nil }
			b.c.back = time.Minute
			q := Request{Incident: b.in.ID, By: "alice", WithoutPRT: "why", Phones: []string{one, two}}
			done, err := b.d.Do(ctx, q)
			if err == nil || len(b.c.resets) != 1 || len(done.Resets) != 1 || done.Resets[0].State != evidence.ResetOrdered || done.Resets[0].Error == "" || done.Resets[0].Ended != nil {
				t.Errorf("%v: %+v, %v", b.c.resets, done, err)
			}
			if text := strings.Join(b.said, " "); !strings.Contains(text, "not known") || strings.Contains(text, "not reset") {
				t.Error(text)
			}
			if _, err := b.d.Do(t.Context(), q); err == nil || !strings.Contains(err.Error(), "not known") || len(b.c.resets) != 1 {
				t.Errorf("%v: %v", b.c.resets, err)
			}
			b.watch(5 * time.Minute)
			b.states(evidence.ResetBack)
		})
		if acts := b.custody(); !slices.Equal(acts, []string{one + " ordered", one + " ordered", one + " back"}) {
			t.Errorf("custody %q", acts)
		}
	}
}

// A told cluster answers with its own list, whatever it is asked for.
type told struct {
	*fakeCluster
	name    string
	devices []cucm.Device
}

func (c *told) Name() string { return c.name }
func (c *told) Phones(context.Context, cucm.Query) (cucm.Phones, error) {
	return cucm.Phones{Devices: c.devices}, nil
}

// Nobody is reset whom nobody asked for, and a phone that was moved is reset where it is registered.
func TestWhoIsMeant(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	dev := func(name, status string, age time.Duration) cucm.Device {
		return cucm.Device{Name: name, Status: status, Since: now.Add(-age), Lines: []cucm.Line{{Number: "7042", Status: "UnRegistered"}}}
	}
	old := &told{b.c, "old", []cucm.Device{dev(one, "UnRegistered", time.Minute), dev("SEP00AABBCCDDEE", cucm.StatusPartial, 0), dev(two, cucm.StatusPartial, time.Hour)}}
	here := &told{&fakeCluster{since: map[string]time.Time{}}, "here", []cucm.Device{dev(one, cucm.StatusPartial, time.Hour), dev(two, cucm.StatusPartial, time.Minute)}}
	b.d.Clusters = func(string) ([]Cluster, error) { return []Cluster{old, here}, nil }
	b.d.Sleep = func(context.Context, time.Duration) error { return nil }
	if _, err := b.d.Do(t.Context(), Request{Incident: b.in.ID, By: "alice", WithoutPRT: "why"}); err != nil {
		t.Error(err)
	}
	if len(b.c.resets) != 0 || !slices.Equal(here.resets, []string{one, two}) {
		t.Errorf("reset were %v there and %v here", b.c.resets, here.resets)
	}
}

// A phone is the same however its name is written: CUCM gets it as it has it itself.
func TestSmallLetters(t *testing.T) {
	b := newBench(t)
	const there = "SEP001122334466"
	phone := cucm.Device{Name: "sep001122334466", Status: cucm.StatusPartial, Since: time.Now().Add(-time.Hour), Lines: []cucm.Line{{Number: "7042", Status: "UnRegistered"}}}
	c := &told{b.c, "c1", []cucm.Device{phone}}
	b.d.Clusters = func(string) ([]Cluster, error) { return []Cluster{c}, nil }
	b.d.Sleep = func(context.Context, time.Duration) error { return nil }
	if _, err := b.d.Do(t.Context(), Request{Incident: b.in.ID, By: "alice", Phones: []string{there}}); err != nil { // its problem report was asked for
		t.Fatal(err)
	}
	if !slices.Equal(b.c.resets, []string{phone.Name}) {
		t.Errorf("reset were %v", b.c.resets)
	}
	if _, err := b.d.Do(t.Context(), Request{Incident: b.in.ID, By: "alice", Phones: []string{there}}); err == nil {
		t.Error("it was reset twice")
	}
	phone.Status, phone.Since, phone.Lines[0].Status = cucm.StatusRegistered, time.Now(), "Registered"
	c.devices = []cucm.Device{phone}
	(&Watcher{Store: b.st, Clusters: b.d.Clusters, Log: slog.New(slog.DiscardHandler)}).Look(t.Context())
	b.states(evidence.ResetBack)
}
