package member

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/testserver"
)

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

type ailment func() (since time.Time, err error)

// TestMember: workers begin when the hub is there, are begun again after errors and panics;
// a reload keeps the connection if the hub is the same, and those that stay; each ends at once.
func TestMember(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	s.Stop()

	var once, stays, running atomic.Int32
	var full atomic.Value
	full.Store(ailment(func() (since time.Time, err error) { return since, nil }))
	m := &Member{
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Options: func(cfg *config.Config) (hub.Options, error) {
			if len(cfg.Fleet.Servers) == 0 {
				return hub.Options{}, errors.New("no servers")
			}
			return hub.Options{Servers: cfg.Fleet.Servers, Name: cfg.Fleet.Name, TLS: s.ClientTLS()}, nil
		},
		Workers: []Worker{
			{Name: "one", Run: func(ctx context.Context, h *hub.Hub) error {
				if err := h.Down(); err != nil {
					t.Errorf("begun without a hub: %v", err)
				}
				switch once.Add(1) {
				case 1:
					return errors.New("not this time")
				case 2:
					panic("nor this time")
				}
				running.Add(1)
				defer running.Add(-1)
				<-ctx.Done()
				return ctx.Err()
			}},
			{Name: "two", Stays: true, Ails: func() (time.Time, error) { return full.Load().(ailment)() }, Run: func(ctx context.Context, h *hub.Hub) error {
				stays.Add(1)
				running.Add(1)
				defer running.Add(-1)
				<-ctx.Done()
				return ctx.Err()
			}},
		},
	}
	if st := m.State(); st.Member {
		t.Error(st)
	}
	cfg := func(name string, servers ...string) *config.Config {
		return &config.Config{Fleet: &fleetconf.Fleet{Servers: servers, Tenant: "acme", Name: name}}
	}

	m.Configure(t.Context(), cfg("dmz-a"))
	if st := m.State(); !st.Member || st.Down == nil || !strings.Contains(st.Down.Error(), "no servers") {
		t.Errorf("%+v", st)
	}
	m.Configure(t.Context(), cfg("dmz-a", s.URL))
	if st := m.State(); !errors.Is(st.Down, hub.ErrDown) || once.Load() != 0 {
		t.Errorf("%+v, begun %d times", st, once.Load())
	}
	s.Start()
	until(t, "both work", func() bool { return running.Load() == 2 })
	if st := m.State(); st.Down != nil || st.Name != "dmz-a" || st.Tenant != "acme" {
		t.Errorf("%+v", st)
	}

	// What ails one that works is told after a minute, as a failure is.
	if st := m.State(); len(st.Failing) != 0 {
		t.Errorf("%+v", st.Failing)
	}
	noRoom := errors.New("no room")
	full.Store(ailment(func() (time.Time, error) { return time.Now(), noRoom }))
	if st := m.State(); len(st.Failing) != 0 {
		t.Errorf("at once: %+v", st.Failing)
	}
	full.Store(ailment(func() (time.Time, error) { return time.Now().Add(-2 * steady), noRoom }))
	if st := m.State(); len(st.Failing) != 1 || st.Failing[0].Worker != "two" || !errors.Is(st.Failing[0].Err, noRoom) {
		t.Errorf("%+v", st.Failing)
	}

	was := m.Hub()
	m.Configure(t.Context(), cfg("dmz-a", s.URL))
	until(t, "one has begun again", func() bool { return running.Load() == 2 && once.Load() == 4 })
	if m.Hub() != was || stays.Load() != 1 {
		t.Error("a reload that leaves the hub as it was has ended the connection, or who stays")
	}
	m.Configure(t.Context(), cfg("dmz-b", s.URL))
	until(t, "both have begun again", func() bool { return running.Load() == 2 && once.Load() == 5 })
	if m.Hub() == was || stays.Load() != 2 {
		t.Error("another name is the same connection")
	}
	m.Configure(t.Context(), &config.Config{})
	if m.State().Member || m.Hub() != nil || running.Load() != 0 {
		t.Error("without a fleet in the configuration it is in one")
	}

	m.Configure(t.Context(), cfg("dmz-a", s.URL))
	until(t, "both work again", func() bool { return running.Load() == 2 })
	m.Close()
	if running.Load() != 0 {
		t.Error("something works after Close")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.Configure(ctx, cfg("dmz-a", s.URL))
	if m.Hub() != nil {
		t.Error("begun after the end")
	}
}
