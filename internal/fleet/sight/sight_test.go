package sight

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/testserver"
)

// silence is the time after which collectors of the tests are missed: long enough that a busy
// machine makes nobody silent.
const silence = 3 * time.Second

// a member is a collector whose Sight runs in this process.
type member struct {
	*Sight
	hub *hub.Hub

	stop  context.CancelFunc
	ended chan struct{}

	mu   sync.Mutex
	told map[string]bool
}

// tenant is an account of a real server with buckets that forget soon.
type tenant struct {
	*testserver.NATS
	t *testing.T
}

func newTenant(t *testing.T) *tenant {
	s := &tenant{testserver.StartNATS(t, testserver.NATSOptions{}), t}
	h := s.connect("init")
	for _, c := range []jetstream.KeyValueConfig{{Bucket: fleet.StatusBucket, TTL: silence}, {Bucket: fleet.PresenceBucket}, {Bucket: fleet.DirectoryBucket}} {
		if _, err := h.Stream.CreateKeyValue(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range hub.Streams(1) {
		if _, err := h.Stream.CreateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *tenant) connect(name string) *hub.Hub {
	s.t.Helper()
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, Name: name, TLS: s.ClientTLS()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(h.Close)
	if err := h.Wait(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return h
}

// begin starts a collector that is well.
func (s *tenant) begin(name string) *member {
	m := &member{hub: s.connect(name), ended: make(chan struct{}), told: map[string]bool{}}
	m.Sight = &Sight{Name: func() string { return name }, Self: m.report, Told: m.wasTold, Log: slog.New(slog.DiscardHandler), Every: 100 * time.Millisecond, Silence: silence}
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	go func() {
		defer close(m.ended)
		for ctx.Err() == nil && m.hub.Wait(ctx) == nil {
			if err := m.Run(ctx, m.hub); err != nil {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}()
	s.t.Cleanup(m.end)
	return m
}

func (m *member) end() { m.stop(); <-m.ended }

// kill ends it without a goodbye.
func (m *member) kill() { m.hub.Close(); m.end() }

func (m *member) report() status.Report {
	r := status.Report{Version: "1.5", Started: time.Now(), Now: time.Now(), Sites: []status.Site{{Site: "hq", Works: true}}}
	m.Sight.Report(&r)
	r.Finish()
	return r
}

func (m *member) wasTold(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told[key]
}

// tell stands for people who were told.
func (m *member) tell(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told[key] = true
}

func (m *member) problems() (keys []string) {
	for _, p := range m.report().Problems {
		keys = append(keys, p.Key)
	}
	return keys
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (s *tenant) presence(h *hub.Hub, name string) fleet.Presence {
	kv, err := h.Stream.KeyValue(s.t.Context(), fleet.PresenceBucket)
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := kv.Get(s.t.Context(), fleet.Token(name))
	if err != nil {
		return fleet.Presence{}
	}
	p, err := fleet.ParsePresence(e.Key(), e.Value())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// TestSilence: of four collectors one is killed: exactly one of the others tells of it. When it
// comes back nobody does, and killed again it is told of again. One that ends properly is missed
// by nobody.
func TestSilence(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	h := s.connect("looks")
	lost := "dmz c"
	a, b, c, d := s.begin("dmz-a"), s.begin("dmz-b"), s.begin(lost), s.begin("dmz-d")
	here := func(names ...string) func() bool {
		return func() bool {
			return !slices.ContainsFunc(names, func(n string) bool { return s.presence(h, n).State != fleet.Here })
		}
	}
	until(t, "all are there", here("dmz-a", "dmz-b", lost, "dmz-d"))
	d.end()
	if p := s.presence(h, "dmz-d"); p.State != fleet.Left {
		t.Fatalf("%+v", p)
	}

	tellers := func() (list []string) {
		for _, m := range []*member{a, b} {
			for _, key := range m.problems() {
				list = append(list, m.Name()+" "+key)
			}
		}
		return list
	}
	for range 2 {
		c.kill()
		until(t, "its silence is told of", func() bool { return len(tellers()) > 0 })
		for range 20 { // the others are given time to tell of it too, and of who left
			if got := tellers(); len(got) != 1 || !strings.HasSuffix(got[0], " fleet/silent/"+lost) {
				t.Fatal(got)
			}
			time.Sleep(20 * time.Millisecond)
		}
		c = s.begin(lost)
		until(t, "it is over", func() bool { return len(tellers()) == 0 })
	}
}

// TestNotifierGoes: where who was to tell of a silence is gone before people were told, another
// one does it; where they were told, nobody tells them again.
func TestNotifierGoes(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	h := s.connect("looks")
	for _, told := range []bool{false, true} {
		a, b, c := s.begin("dmz-a"), s.begin("dmz-b"), s.begin("dmz-c")
		for _, n := range []string{"dmz-a", "dmz-b", "dmz-c"} {
			until(t, n+" is there", func() bool { return s.presence(h, n).State == fleet.Here })
		}
		c.kill()
		until(t, "it is missed", func() bool { return s.presence(h, "dmz-c").State == fleet.Silent })
		teller, other := a, b
		if s.presence(h, "dmz-c").Notifier == b.Name() {
			teller, other = b, a
		}
		if told {
			teller.tell(SilentKey + "dmz-c")
			until(t, "that is written down", func() bool { return !s.presence(h, "dmz-c").Told.IsZero() })
		}
		teller.kill()
		until(t, "the other tells of the teller", func() bool { return slices.Contains(other.problems(), SilentKey+teller.Name()) })
		if told {
			if slices.Contains(other.problems(), SilentKey+"dmz-c") {
				t.Error("told twice")
			}
		} else {
			until(t, "and of the first", func() bool { return slices.Contains(other.problems(), SilentKey+"dmz-c") })
		}
		other.end()
	}
}

// TestHubAway: while the hub is away nobody is missed, nor when it is back and all speak again;
// a silence that was told of before stands meanwhile.
func TestHubAway(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	h := s.connect("looks")
	a, b, c := s.begin("dmz-a"), s.begin("dmz-b"), s.begin("dmz-c")
	for _, n := range []string{"dmz-a", "dmz-b", "dmz-c"} {
		until(t, n+" is there", func() bool { return s.presence(h, n).State == fleet.Here })
	}
	c.kill()
	told := func() int { return len(a.problems()) + len(b.problems()) }
	until(t, "it is missed", func() bool { return told() == 1 })
	s.Stop()
	for end := time.Now().Add(2 * silence); time.Now().Before(end); {
		if told() != 1 {
			t.Fatal(a.problems(), b.problems())
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Start()
	until(t, "they are connected again", func() bool { return a.hub.Down() == nil && b.hub.Down() == nil })
	for end := time.Now().Add(2 * silence); time.Now().Before(end); {
		if told() != 1 {
			t.Fatal(a.problems(), b.problems())
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.begin("dmz-c")
	until(t, "it is over", func() bool { return told() == 0 })
}

// TestDoubleName: two collectors of one name are told of by both, and one that was started anew
// is not two.
func TestDoubleName(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	h := s.connect("looks")
	a := s.begin("dmz-a")
	until(t, "it is there", func() bool { return s.presence(h, "dmz-a").State == fleet.Here })
	a.kill()
	a = s.begin("dmz-a")
	until(t, "it speaks", func() bool { return a.others.quiet("dmz-a", time.Now()) < silence/2 })
	if got := a.problems(); len(got) > 0 {
		t.Fatal(got)
	}
	b := s.begin("dmz-a")
	for _, m := range []*member{a, b} {
		until(t, "it is told of", func() bool { return slices.Contains(m.problems(), "fleet/name") })
	}
	r := status.Report{Fleet: &status.Fleet{Alone: true}} // an alert now may come to the other one
	a.Report(&r)
	if len(r.Problems) != 1 || !r.Problems[0].Blocks {
		t.Errorf("%+v", r.Problems)
	}
}

// TestUnreadablePresence: where somebody has spoiled what says that a collector is there it says so again, and is missed
// when it falls silent.
func TestUnreadablePresence(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	a, b := s.begin("dmz-a"), s.begin("dmz-b")
	kv, err := b.hub.Stream.KeyValue(t.Context(), fleet.PresenceBucket)
	if err != nil {
		t.Fatal(err)
	}
	here := func(name string) bool {
		e, err := kv.Get(t.Context(), fleet.Token(name))
		if err != nil {
			return false
		}
		p, err := fleet.ParsePresence(e.Key(), e.Value())
		return err == nil && p.State == fleet.Here
	}
	until(t, "both are there", func() bool { return here("dmz-a") && here("dmz-b") })
	for _, text := range []string{"", "[1]", `{"collector":"dmz-x","state":"here"}`} {
		if _, err := kv.Put(t.Context(), fleet.Token("dmz-a"), []byte(text)); err != nil {
			t.Fatal(err)
		}
		until(t, "it says again that it is there", func() bool { return here("dmz-a") })
	}
	a.kill()
	until(t, "it is missed", func() bool { return slices.Contains(b.problems(), SilentKey+"dmz-a") })
}
