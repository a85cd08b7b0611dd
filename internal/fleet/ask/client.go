package ask

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// An Asker has something done.
type Asker struct {
	Conn *nats.Conn
	What string // of fleet.AskSubject
	By   string // who asks

	OfferWait time.Duration   // for a first collector; zero: 4 s
	BeginWait time.Duration   // for it to begin; zero: longer than it may
	Patience  time.Duration   // for a sign of life of it; zero: 30 s
	Stop      <-chan struct{} // closed: have it end early, with what there is
	Begun     func(collector string)
	Said      func(word json.RawMessage) // how far it is
}

// Ask has a collector of a site do something, and returns which one and what came of it.
func (a *Asker) Ask(ctx context.Context, site string, body any) (from string, result json.RawMessage, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", nil, err
	}
	e := &exchange{Asker: a, subject: fleet.AskSubject(a.What, site), inbox: a.Conn.NewInbox(), id: rand.Text(), body: b}
	if e.sub, err = a.Conn.SubscribeSync(e.inbox); err != nil {
		return "", nil, fmt.Errorf("listen for answers: %w", err)
	}
	defer e.sub.Unsubscribe()
	if from, err = e.find(ctx); err != nil {
		return from, nil, fmt.Errorf("site %s: %w", site, err)
	}
	if a.Begun != nil {
		a.Begun(from)
	}
	result, err = e.follow(ctx, from)
	return from, result, err
}

// An exchange is one of the asker's.
type exchange struct {
	*Asker
	subject, inbox, id string
	sub                *nats.Subscription
	body               json.RawMessage
	more               []reply // offers that came while another was taken
}

func or(d, usual time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return usual
}

func (e *exchange) send(o order) error {
	o.ID = e.id
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if len(b) > maxOrder {
		return fmt.Errorf("the request has %d bytes, which is too long", len(b))
	}
	return e.Conn.PublishRequest(e.subject, e.inbox, b)
}

// next is the next answer; an error of ctx says that there was none in time.
func (e *exchange) next(ctx context.Context) (reply, error) {
	for {
		m, err := e.sub.NextMsgWithContext(ctx)
		if err != nil {
			return reply{}, err
		}
		var r reply
		if len(m.Data) <= maxReply && json.Unmarshal(m.Data, &r) == nil && r.ID == e.id && fleet.CheckName(r.From) == nil {
			r.Error, r.Hint = evidence.Printable(r.Error, 2000), evidence.Printable(r.Hint, 1000)
			return r, nil
		}
	}
}

// find asks who can do it, and has the first that offers begin.
func (e *exchange) find(ctx context.Context) (from string, err error) {
	var refused []string
	until := time.Now().Add(or(e.OfferWait, 4*time.Second))
	if err := e.send(order{Step: stepWho}); err != nil {
		return "", fmt.Errorf("ask the hub: %w", err)
	}
	if err := e.allowed(ctx); err != nil {
		return "", err
	}
	for {
		wait, cancel := context.WithDeadline(ctx, until)
		r, err := e.answer(wait)
		cancel()
		switch {
		case err != nil:
			return "", e.nobody(ctx, refused, err)
		case r.Step == stepRefuse:
			if refused = append(refused, r.From+": "+r.Error); len(refused) == 1 { // the others are not far
				until = time.Now().Add(or(e.OfferWait, time.Second))
			}
		case r.Step == stepOffer:
			switch why, err := e.begin(ctx, r); {
			case err != nil:
				return r.From, err
			case why == "":
				return r.From, nil
			default:
				refused = append(refused, r.From+": "+why)
			}
		}
	}
}

// allowed asks the hub whether it took the question: what it says of that comes before its pong.
func (e *exchange) allowed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, or(e.OfferWait, 4*time.Second))
	defer cancel()
	if err := e.Conn.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("ask the hub: %w", err)
	}
	if err := e.Conn.LastError(); errors.Is(err, nats.ErrPermissionViolation) { // as hub.Denied
		return fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return nil
}

// answer is the next answer to the question who can do it.
func (e *exchange) answer(ctx context.Context) (reply, error) {
	if len(e.more) > 0 {
		r := e.more[0]
		e.more = e.more[1:]
		return r, nil
	}
	return e.next(ctx)
}

// nobody is why there is no collector that does it.
func (e *exchange) nobody(ctx context.Context, refused []string, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(refused) > 0:
		slices.Sort(refused)
		return fmt.Errorf("%w: refused by %s", ErrNobody, strings.Join(slices.Compact(refused), "; "))
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w: none that reaches the site is connected to the hub", ErrNobody)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w within %s", ErrNobody, or(e.OfferWait, 4*time.Second))
	}
	return fmt.Errorf("ask the hub: %w", err)
}

// begin takes an offer. why: the collector has not begun, and does not.
func (e *exchange) begin(ctx context.Context, offer reply) (why string, err error) {
	if err := e.send(order{Step: stepDo, To: offer.From, Offer: offer.Offer, By: e.By, Body: e.body}); err != nil {
		return "", fmt.Errorf("ask collector %s: %w", offer.From, err)
	}
	wait, cancel := context.WithTimeout(ctx, or(e.BeginWait, offersFor+2*time.Second))
	defer cancel()
	for {
		r, err := e.next(wait)
		switch {
		case err != nil && ctx.Err() != nil:
			return "", context.Cause(ctx)
		case err != nil:
			return "", fmt.Errorf("collector %s: %w after it offered to do it: it is not known whether it began", offer.From, ErrLost)
		case r.From != offer.From:
			if r.Step == stepOffer && len(e.more) < maxOffers {
				e.more = append(e.more, r)
			}
		case r.Step == stepRefuse:
			return r.Error, nil
		case r.Step == stepAlive:
			return "", nil
		}
	}
}

// follow waits for what comes of it.
func (e *exchange) follow(ctx context.Context, from string) (json.RawMessage, error) {
	heard, asked, stop, step := time.Now(), time.Now(), e.Stop, stepStill
	patience := or(e.Patience, 30*time.Second)
	for words := 0; words < maxWords; {
		wait, cancel := context.WithTimeout(ctx, min(patience/6, time.Second))
		r, err := e.next(wait)
		cancel()
		select {
		case <-stop:
			stop, step, asked = nil, stepStop, time.Time{}
		default:
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if time.Since(asked) > patience/6 { // of one that speaks, too: the hub lets who is asked answer only so long, and so often
			asked = time.Now()
			e.send(order{Step: step, To: from})
		}
		if err != nil || r.From != from {
			if time.Since(heard) > patience {
				return nil, fmt.Errorf("collector %s: %w: nothing was heard of it for %s", from, ErrLost, patience)
			}
			continue
		}
		heard = time.Now()
		switch r.Step {
		case stepWord:
			if words++; e.Said != nil {
				e.Said(r.Body)
			}
		case stepDone:
			return r.Body, nil
		case stepFailed:
			return nil, &Failure{From: from, Message: r.Error, Hint: r.Hint, Exit: max(r.Exit, 1)}
		}
	}
	return nil, fmt.Errorf("collector %s says too much", from)
}
