package ask

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// A Job is something to be done.
type Job struct {
	Site string
	By   string // who asks, as he says
	Body json.RawMessage
	Stop <-chan struct{} // closed: end it early, with what there is
	Say  func(word any)  // how far it is; it never waits
}

// A Server does for one collector what is asked of its sites.
type Server struct {
	What    string          // of fleet.AskSubject
	Name    func() string   // the collector's
	Sites   func() []string // those that it can do it for, now
	Refuses func() string   // why it does not do it at all; "": it does
	Do      func(ctx context.Context, j Job) (result any, err *Failure)
	Log     *slog.Logger

	mu     sync.Mutex
	offers map[string]time.Time // by offer, when it was made
	under  map[string]*work     // by ID of the order
	ended  map[string]ended
	wg     sync.WaitGroup
}

// work is a job under way.
type work struct{ stop func() }

// ended is what came of a job.
type ended struct {
	reply reply
	at    time.Time
}

// sitesEvery is how often it is looked whether the collector has other sites.
const sitesEvery = time.Second

// Run answers until ctx ends, and waits for what is under way, whose contexts end then.
func (s *Server) Run(ctx context.Context, h *hub.Hub) error {
	subs := map[string]*nats.Subscription{}
	defer s.wg.Wait()
	defer func() {
		for _, sub := range subs {
			sub.Unsubscribe() // fails if the connection is closed, which ends it too
		}
	}()
	tick := time.NewTicker(sitesEvery)
	defer tick.Stop()
	for {
		if err := s.subscribe(ctx, h.Conn, subs); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// subscribe has a subscription for each site, and none for others.
func (s *Server) subscribe(ctx context.Context, conn *nats.Conn, subs map[string]*nats.Subscription) error {
	sites := s.Sites()
	for site, sub := range subs {
		if !slices.Contains(sites, site) {
			sub.Unsubscribe()
			delete(subs, site)
		}
	}
	for _, site := range sites {
		if subs[site] != nil {
			continue
		}
		sub, err := conn.Subscribe(fleet.AskSubject(s.What, site), func(m *nats.Msg) { s.take(ctx, conn, site, m) })
		if err != nil {
			return fmt.Errorf("listen to what is asked of site %s: %w", site, err)
		}
		subs[site] = sub
	}
	return nil
}

// take takes an order. It does not wait for anything.
func (s *Server) take(ctx context.Context, conn *nats.Conn, site string, m *nats.Msg) {
	var o order
	if len(m.Data) > maxOrder || m.Reply == "" || json.Unmarshal(m.Data, &o) != nil || o.ID == "" || len(o.ID) > 100 || ctx.Err() != nil {
		return
	}
	if o.Step != stepWho && o.To != s.Name() {
		return
	}
	answer := func(r reply) {
		r.ID, r.From = o.ID, s.Name()
		send(conn, m.Reply, r)
	}
	switch o.Step {
	case stepWho:
		answer(s.offer())
	case stepDo:
		s.begin(ctx, site, o, answer)
	case stepStop, stepStill:
		s.mu.Lock()
		under, over := s.under[o.ID], s.ended[o.ID]
		s.mu.Unlock()
		switch {
		case under != nil && o.Step == stepStop:
			under.stop()
		case under != nil:
			answer(reply{Step: stepAlive})
		case !over.at.IsZero():
			answer(over.reply)
		}
	}
}

// unsendable is in place of a result that the hub does not take.
var unsendable = reply{Step: stepFailed, Error: "it is done, and what came of it cannot be sent", Hint: "see `grab list --fleet`", Exit: 1}

// send is given up where the asker cannot be reached: it asks again.
func send(conn *nats.Conn, to string, r reply) {
	most := maxReply
	if hub := int(conn.MaxPayload()); hub > 0 {
		most = min(most, hub)
	}
	b, err := json.Marshal(r)
	if err == nil && len(b) > most {
		short := reply{Step: r.Step, Error: r.Error, Hint: r.Hint, Exit: r.Exit}
		if r.Step == stepDone {
			short = unsendable
		}
		short.ID, short.From = r.ID, r.From
		b, err = json.Marshal(short)
	}
	if err == nil {
		conn.Publish(to, b)
	}
}

// offer says whether it can be done here.
func (s *Server) offer() reply {
	if why := s.Refuses(); why != "" {
		return reply{Step: stepRefuse, Error: why}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(s.under) >= maxSite {
		return reply{Step: stepRefuse, Error: "it works at as much for others as it does at once"}
	}
	for id, at := range s.offers {
		if now.Sub(at) > offersFor {
			delete(s.offers, id)
		}
	}
	if len(s.offers) >= maxOffers {
		return reply{Step: stepRefuse, Error: "it is asked too often"}
	}
	if s.offers == nil {
		s.offers = map[string]time.Time{}
	}
	id := rand.Text()
	s.offers[id] = now
	return reply{Step: stepOffer, Offer: id}
}

// begin does it if an offer is taken in time: whoever asks has given up a collector that woke later.
func (s *Server) begin(ctx context.Context, site string, o order, answer func(reply)) {
	stop := make(chan struct{})
	s.mu.Lock()
	at, offered := s.offers[o.Offer]
	delete(s.offers, o.Offer)
	why := ""
	switch {
	case !offered || time.Since(at) > offersFor:
		why = "the offer was not taken in time, or twice"
	case len(s.under) >= maxSite:
		why = "it works at as much for others as it does at once"
	case s.under[o.ID] != nil || !s.ended[o.ID].at.IsZero():
		why = "that was asked for already"
	default:
		if s.under == nil {
			s.under, s.ended = map[string]*work{}, map[string]ended{}
		}
		s.under[o.ID] = &work{stop: sync.OnceFunc(func() { close(stop) })}
	}
	s.mu.Unlock()
	if why != "" {
		answer(reply{Step: stepRefuse, Error: why})
		return
	}
	answer(reply{Step: stepAlive})
	job := Job{Site: site, By: evidence.Printable(o.By, 150), Body: o.Body, Stop: stop, Say: func(word any) {
		if b, err := json.Marshal(word); err == nil {
			answer(reply{Step: stepWord, Body: b})
		}
	}}
	s.wg.Go(func() { s.work(ctx, o.ID, job, answer) })
}

// work does it, and says meanwhile that it does.
func (s *Server) work(ctx context.Context, id string, j Job, answer func(reply)) {
	done := make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() {
		tick := time.NewTicker(aliveEach)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				answer(reply{Step: stepAlive})
			case <-done:
				return
			}
		}
	})
	s.Log.Info("request of the fleet", "what", s.What, "site", j.Site, "by", j.By)
	r := s.result(ctx, j)
	close(done)
	beats.Wait()

	r.ID, r.From = id, s.Name()
	s.mu.Lock()
	delete(s.under, id)
	for old, e := range s.ended {
		if time.Since(e.at) > endedFor || len(s.ended) >= maxEnded {
			delete(s.ended, old)
		}
	}
	s.ended[id] = ended{r, time.Now()}
	s.mu.Unlock()
	answer(r)
}

// result is what comes of a job. A panic is an error of that job alone.
func (s *Server) result(ctx context.Context, j Job) (r reply) {
	defer func() {
		if v := recover(); v != nil {
			s.Log.Error("panic in a request of the fleet", "what", s.What, "panic", v, "stack", string(debug.Stack()))
			r = reply{Step: stepFailed, Error: fmt.Sprintf("internal error: %v", v), Exit: 1}
		}
	}()
	result, failure := s.Do(ctx, j)
	if failure != nil {
		s.Log.Warn("request of the fleet failed", "what", s.What, "site", j.Site, "by", j.By, "err", failure.Message)
		return reply{Step: stepFailed, Error: failure.Message, Hint: failure.Hint, Exit: max(failure.Exit, 1)}
	}
	b, err := json.Marshal(result)
	if err != nil || len(b) > maxReply/2 {
		return unsendable
	}
	return reply{Step: stepDone, Body: b}
}
