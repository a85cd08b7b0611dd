package alerts

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

func publish(t *testing.T, h *hub.Hub, a evidence.Alert) {
	t.Helper()
	b, err := json.Marshal(fleet.Alert{Alert: a, Site: "hq", From: "provider"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("hq"), b); err != nil {
		t.Fatal(err)
	}
}

// How long an alert that comes now waits follows from what waits and the pace; nothing waits once all is heard.
func TestLane(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	l := &lag{waiting: 100_000, since: now}
	if got := l.wait(now.Add(16 * time.Millisecond)); got != 100*time.Second {
		t.Errorf("at first: %v", got)
	}
	for i := range uint64(10) {
		now = now.Add(time.Second)
		l.heard(500, now.Add(-48*time.Hour), 100_000-500*(i+1), now)
	}
	if got := l.wait(now); got != 190*time.Second || l.age(now) != 48*time.Hour {
		t.Errorf("%v, %v", got, l.age(now))
	}
	if got := l.wait(now.Add(time.Hour)); got < time.Hour {
		t.Errorf("nothing is heard any more: %v", got)
	}
	l.heard(16, now, 0, now)
	if got := l.wait(now.Add(time.Hour)); got != 0 {
		t.Errorf("all was heard: %v", got)
	}
}

// TestBehind: what waits at the hub when a collector comes is said at once.
func TestBehind(t *testing.T) {
	s, h := startHub(t)
	a := start(t, s, "dmz-a", "hq")
	until(t, "it hears", func() bool { return len(consumers(t, h)) == 1 })
	a.member.Close()
	if b := a.x.State().Behind; len(b) > 0 {
		t.Errorf("it has no place: %+v", b)
	}
	var last evidence.Alert
	for range 100 {
		last = alertOf("CM-hq")
		publish(t, h, last)
	}
	hold := make(chan struct{})
	a.store.Fault = func(op, _ string) error {
		if op == "commit" {
			<-hold
		}
		return nil
	}
	a.join()
	until(t, "it says that alerts wait", func() bool {
		b := a.x.State().Behind
		return len(b) == 1 && b[0].Waiting >= 100-2*atOnce && b[0].Sites[0] == "hq" && b[0].Wait > 0
	})
	close(hold)
	until(t, "all are heard, and nothing waits", func() bool { return a.at(last.ID) != "" && len(a.x.State().Behind) == 0 })
}

// TestFreshBeside: behind alerts that came long ago what comes now is heard at once, and by the other consumer
// once more, which starts nothing.
func TestFreshBeside(t *testing.T) {
	s, h := startHub(t)
	a := start(t, s, "dmz-a", "hq")
	until(t, "it hears", func() bool { return len(consumers(t, h)) == 1 })
	a.member.Close()

	l, closed := a.x.hearing([]string{"hq"})
	defer closed()
	l.begin(false, &jetstream.ConsumerInfo{NumPending: 100_000})
	l.all.heard(1, time.Now().Add(-time.Hour), 100_000, time.Now()) // and never more of those
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.x.freshUntil(ctx, h, hearing{"dmz-a", []string{"hq"}, time.Hour}, l) }()
	fresh := alertOf("CM-hq")
	publish(t, h, fresh)
	until(t, "it is heard", func() bool { return a.at(fresh.ID) == "hq:incident" })
	if b := a.x.State().Behind; len(b) != 1 || !b[0].Fresh || b[0].Wait > b[0].Left {
		t.Errorf("%+v", b)
	}
	l.mu.Lock()
	l.all.heard(1, time.Now(), 0, time.Now()) // the old ones are through
	l.mu.Unlock()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	a.join()
	last := alertOf("CM-hq")
	publish(t, h, last)
	until(t, "the last one came", func() bool { return a.at(last.ID) != "" })
	if rec := a.record(fresh.ID); len(rec.Sites) != 1 {
		t.Errorf("%+v", rec)
	}
	if list, err := a.store.List(); err != nil || len(list) != 1 { // the last is a repeat
		t.Errorf("%d incidents, %v", len(list), err)
	}
}
