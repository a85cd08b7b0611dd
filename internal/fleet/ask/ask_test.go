package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/testserver"
)

// a place is a hub and the collectors at it.
type place struct {
	*testserver.NATS
	t    *testing.T
	done atomic.Int32 // jobs that were done, by all
}

func (p *place) connect() *hub.Hub {
	p.t.Helper()
	h, err := hub.Open(hub.Options{Servers: []string{p.URL}, TLS: p.ClientTLS()})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(h.Close)
	if err := h.Wait(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	return h
}

// serve is a collector of the site hq.
func (p *place) serve(name string, change func(*Server)) (end func()) {
	s := &Server{What: "now", Name: func() string { return name }, Sites: func() []string { return []string{"hq"} }, Refuses: func() string { return "" }, Log: slog.New(slog.DiscardHandler)}
	s.Do = func(_ context.Context, j Job) (any, *Failure) {
		p.done.Add(1)
		for i := range 3 {
			j.Say(i)
		}
		return map[string]any{"by": j.By, "site": j.Site, "body": j.Body}, nil
	}
	if change != nil {
		change(s)
	}
	h := p.connect()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx, h) }()
	end = sync.OnceFunc(func() { cancel(); <-ended; h.Close() })
	p.t.Cleanup(end)
	for h.Conn.NumSubscriptions() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := h.Conn.Flush(); err != nil {
		p.t.Fatal(err)
	}
	return end
}

func newPlace(t *testing.T) *place {
	return &place{NATS: testserver.StartNATS(t, testserver.NATSOptions{}), t: t}
}

// TestOneDoesIt: of three collectors one does what was asked for, with the asker's name, and its
// words come in order.
func TestOneDoesIt(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for i := range 3 {
		p.serve(fmt.Sprintf("dmz-%d", i), nil)
	}
	const askers = 12
	var wg sync.WaitGroup
	for i := range askers {
		wg.Go(func() {
			var said []string
			a := &Asker{Conn: p.connect().Conn, What: "now", By: "ann on ops\x1b[2J", Said: func(w json.RawMessage) { said = append(said, string(w)) }}
			from, result, err := a.Ask(t.Context(), "hq", map[string]int{"n": i})
			if want := fmt.Sprintf(`{"body":{"n":%d},"by":"ann on ops [2J","site":"hq"}`, i); err != nil && !errors.Is(err, ErrNobody) || err == nil && string(result) != want {
				t.Errorf("%s: %s, %v", from, result, err)
			}
			if err == nil && strings.Join(said, " ") != "0 1 2" {
				t.Errorf("%v", said)
			}
			if err != nil {
				p.done.Add(1) // all were busy, which was said
			}
		})
	}
	wg.Wait()
	if n := p.done.Load(); n != askers {
		t.Errorf("%d of %d", n, askers)
	}
}

// TestNobody: where nobody listens, everybody refuses, or who listens hangs, that is said.
func TestNobody(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	a := &Asker{Conn: p.connect().Conn, What: "now", By: "ann", OfferWait: 200 * time.Millisecond}
	_, _, err := a.Ask(t.Context(), "hq", nil)
	if !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "none that reaches the site is connected") {
		t.Error(err)
	}
	end := p.serve("dmz-a", func(s *Server) { s.Refuses = func() string { return "fleet.requests is false" } })
	if _, _, err = a.Ask(t.Context(), "hq", nil); !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "refused by dmz-a: fleet.requests is false") {
		t.Error(err)
	}
	end()
	h := p.connect()
	if _, err := h.Conn.SubscribeSync(fleet.AskSubject("now", "hq")); err != nil { // it hangs
		t.Fatal(err)
	}
	if err := h.Conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, _, err = a.Ask(t.Context(), "hq", nil); !errors.Is(err, ErrNobody) {
		t.Error(err)
	}
	p.serve("dmz-b", nil) // beside one that hangs
	a.OfferWait = 0
	if from, _, err := a.Ask(t.Context(), "hq", nil); err != nil || from != "dmz-b" {
		t.Error(from, err)
	}
}

// TestRefusedOffer: one that offered and then does not want to is followed by another.
func TestRefusedOffer(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.serve("dmz-b", nil)
	h := p.connect()
	conn := h.Conn
	_, err := conn.Subscribe(fleet.AskSubject("now", "hq"), func(m *nats.Msg) {
		var o order
		json.Unmarshal(m.Data, &o)
		r := reply{ID: o.ID, From: "dmz-a", Step: stepOffer, Offer: "x"}
		if o.Step == stepDo {
			r = reply{ID: o.ID, From: "dmz-a", Step: stepRefuse, Error: "not any more"}
		}
		if o.Step == stepWho || o.To == "dmz-a" {
			send(conn, m.Reply, r)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	for range 5 { // either may be first
		a := &Asker{Conn: p.connect().Conn, What: "now", By: "ann"}
		if from, _, err := a.Ask(t.Context(), "hq", nil); err != nil || from != "dmz-b" {
			t.Fatal(from, err)
		}
	}
}

// TestFailures: the words, hint and exit code of a collector's error come back; a panic is one, and
// the next request is served; one that falls silent is said.
func TestFailures(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	end := p.serve("dmz-a", func(s *Server) {
		s.Do = func(_ context.Context, j Job) (any, *Failure) {
			if string(j.Body) == `"panic"` {
				panic("no")
			}
			return nil, &Failure{Message: "no such host", Hint: "see grab.yaml", Exit: 2}
		}
	})
	a := &Asker{Conn: p.connect().Conn, What: "now", By: "ann"}
	for body, want := range map[string]Failure{"panic": {"dmz-a", "internal error: no", "", 1}, "x": {"dmz-a", "no such host", "see grab.yaml", 2}} {
		_, _, err := a.Ask(t.Context(), "hq", body)
		if f, ok := errors.AsType[*Failure](err); !ok || *f != want {
			t.Errorf("%s: %v", body, err)
		}
	}
	end()

	h := p.connect()
	conn := h.Conn
	if _, err := conn.Subscribe(fleet.AskSubject("now", "hq"), func(m *nats.Msg) {
		var o order
		json.Unmarshal(m.Data, &o)
		if o.Step == stepWho {
			send(conn, m.Reply, reply{ID: o.ID, From: "dmz-b", Step: stepOffer, Offer: "x"})
		}
		if o.Step == stepDo && o.By == "ann" {
			send(conn, m.Reply, reply{ID: o.ID, From: "dmz-b", Step: stepAlive})
		}
	}); err != nil {
		t.Fatal(err)
	}
	a.Patience, a.BeginWait = 300*time.Millisecond, 300*time.Millisecond
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if from, _, err := a.Ask(t.Context(), "hq", nil); !errors.Is(err, ErrLost) || from != "dmz-b" {
		t.Error(from, err)
	}
	a.By = "bob" // whose job is not begun
	if from, _, err := a.Ask(t.Context(), "hq", nil); !errors.Is(err, ErrLost) || from != "dmz-b" || !strings.Contains(err.Error(), "not known whether it began") {
		t.Error(from, err)
	}
}

// TestStopAndLostResult: stopping ends a job with what it has; and the result comes although the
// message with it was lost, for it is asked for again.
func TestStopAndLostResult(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	begun := make(chan struct{})
	p.serve("dmz-a", func(s *Server) {
		s.Do = func(ctx context.Context, j Job) (any, *Failure) {
			close(begun)
			select {
			case <-j.Stop:
				return "stopped", nil
			case <-ctx.Done():
				return nil, &Failure{Message: "ended"}
			}
		}
	})
	stop := make(chan struct{})
	h := p.connect()
	a := &Asker{Conn: h.Conn, What: "now", By: "ann", Stop: stop, Patience: 3 * time.Second}
	go func() { <-begun; close(stop) }()
	if _, result, err := a.Ask(t.Context(), "hq", nil); err != nil || string(result) != `"stopped"` {
		t.Error(string(result), err)
	}

	p.serve("dmz-c", func(s *Server) {
		s.Sites = func() []string { return []string{"far"} }
		s.Do = func(_ context.Context, j Job) (any, *Failure) { return "done", nil }
	})
	e := &exchange{Asker: a, subject: fleet.AskSubject("now", "far"), inbox: a.Conn.NewInbox(), id: "lost"}
	e.sub, _ = a.Conn.SubscribeSync(e.inbox)
	from, err := e.find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := e.next(t.Context()); err != nil || r.Step != stepDone {
		t.Fatal(r, err)
	} // lost, as far as what follows knows
	if result, err := e.follow(t.Context(), from); err != nil || string(result) != `"done"` {
		t.Error(string(result), err)
	}
}

// TestOldOffer: an offer counts once, and not for ever: who wakes up after a pause does nothing that
// somebody else was asked for since.
func TestOldOffer(t *testing.T) {
	s := &Server{What: "now", Name: func() string { return "dmz-a" }, Refuses: func() string { return "" }, Log: slog.New(slog.DiscardHandler), Do: func(context.Context, Job) (any, *Failure) { return nil, nil }}
	for _, age := range []time.Duration{0, 2 * offersFor} {
		o := s.offer()
		s.offers[o.Offer] = s.offers[o.Offer].Add(-age)
		for try := range 2 {
			var got []reply
			var mu sync.Mutex
			s.begin(t.Context(), "hq", order{ID: fmt.Sprint(age, try), Offer: o.Offer}, func(r reply) { mu.Lock(); got = append(got, r); mu.Unlock() })
			s.wg.Wait()
			if want := age == 0 && try == 0; (got[0].Step == stepAlive) != want {
				t.Errorf("%v, %d: %+v", age, try, got)
			}
		}
	}
}

// TestForbidden: credentials that may not ask are said at once.
func TestForbidden(t *testing.T) {
	t.Parallel()
	s := testserver.StartNATS(t, testserver.NATSOptions{Config: `authorization { users: [ { user: ann, password: w7Qz, permissions: { publish: { deny: "ask.>" } } } ] }`})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS(), Login: nats.UserInfo("ann", "w7Qz")})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (&Asker{Conn: h.Conn, What: "now", By: "ann"}).Ask(t.Context(), "hq", nil); !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "ask.now.hq") {
		t.Error(err)
	}
}

// TestSmallHub: a result that the hub does not take is said, and not that the collector fell silent.
func TestSmallHub(t *testing.T) {
	t.Parallel()
	p := &place{NATS: testserver.StartNATS(t, testserver.NATSOptions{Config: "max_payload: 32768"}), t: t}
	p.serve("dmz-a", func(s *Server) {
		s.Do = func(context.Context, Job) (any, *Failure) { return strings.Repeat("x", 40_000), nil }
	})
	a := &Asker{Conn: p.connect().Conn, What: "now", By: "ann"}
	_, _, err := a.Ask(t.Context(), "hq", nil)
	if f, ok := errors.AsType[*Failure](err); !ok || !strings.Contains(f.Message, "cannot be sent") || f.Hint == "" {
		t.Error(err)
	}
}
