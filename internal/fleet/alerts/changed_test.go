package alerts

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
)

// TestChangedConsumer: where somebody has changed by what the hub brings a collector its alerts it is changed back, and
// what passed by comes.
func TestChangedConsumer(t *testing.T) {
	s, h := startHub(t)
	a := start(t, s, "dmz-a", "hq")
	until(t, "it hears", func() bool { return len(consumers(t, h)) == 1 })
	a.member.Close()
	name := fleet.HoldConsumer("hq", "dmz-a")
	c, err := h.Stream.Consumer(t.Context(), fleet.AlertStream, name)
	if err != nil {
		t.Fatal(err)
	}
	config := c.CachedInfo().Config
	config.FilterSubject, config.MaxDeliver = fleet.AlertSubject("elsewhere"), 1
	if c, err = h.Stream.UpdateConsumer(t.Context(), fleet.AlertStream, config); err != nil {
		t.Fatal(err)
	}
	missed := alertOf("CM-hq")
	publish(t, h, missed)
	if b, err := c.FetchNoWait(1); err != nil { // it is at the end of the stream now
		t.Fatal(err)
	} else if _, came := <-b.Messages(); came {
		t.Fatal("the consumer was not changed")
	}
	a.join()
	until(t, "what passed by came", func() bool { return a.at(missed.ID) == "hq:incident" })
	last := alertOf("CM-hq")
	publish(t, h, last)
	until(t, "what comes now came", func() bool { return a.at(last.ID) != "" })
	info, err := c.Info(t.Context())
	if err != nil || changed(info, hearing{"dmz-a", []string{"hq"}, time.Hour}.config()) != nil {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestChanged: what keeps a consumer from bringing alerts is found, and an order of subjects is nothing.
func TestChanged(t *testing.T) {
	of := hearing{"dmz-a", []string{"hq", "lab"}, time.Hour}
	for name, c := range map[string]struct {
		change func(*jetstream.ConsumerInfo)
		want   bool
	}{
		"as it is":      {func(*jetstream.ConsumerInfo) {}, false},
		"another order": {func(i *jetstream.ConsumerInfo) { slices.Reverse(i.Config.FilterSubjects) }, false},
		"one site":      {func(i *jetstream.ConsumerInfo) { i.Config.FilterSubjects = i.Config.FilterSubjects[:1] }, true},
		"all sites":     {func(i *jetstream.ConsumerInfo) { i.Config.FilterSubjects = nil }, true},
		"no answers":    {func(i *jetstream.ConsumerInfo) { i.Config.AckPolicy = jetstream.AckNonePolicy }, true},
		"once":          {func(i *jetstream.ConsumerInfo) { i.Config.MaxDeliver = 1 }, true},
		"nothing in it": {func(i *jetstream.ConsumerInfo) { i.Config.HeadersOnly = true }, true},
	} {
		info := &jetstream.ConsumerInfo{Config: of.config()}
		c.change(info)
		if err := changed(info, of.config()); errors.Is(err, errChanged) != c.want || (err != nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := changed(&jetstream.ConsumerInfo{Config: of.config(), Paused: true}, of.config()); err == nil || errors.Is(err, errChanged) {
		t.Errorf("paused: %v", err)
	}
}

// TestLooked: alerts that wait and do not come are seen too.
func TestLooked(t *testing.T) {
	l := &lags{sites: []string{"hq"}}
	l.looked(&jetstream.ConsumerInfo{NumPending: 3, NumAckPending: 64})
	l.all.since = l.all.since.Add(-time.Hour)
	l.looked(&jetstream.ConsumerInfo{NumPending: 3, NumAckPending: 64})
	if b, is := l.behind(); !is || b.Waiting != 3 || b.Lasts < time.Hour {
		t.Errorf("%+v", b)
	}
	l.looked(&jetstream.ConsumerInfo{})
	if b, is := l.behind(); is {
		t.Errorf("%+v", b)
	}
}
