package hear

import (
	"fmt"
	"slices"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/cucmlog"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// A Story is what CUCM says of one phone, and the ruling that follows.
type Story struct {
	*judge.Ruling
	Events         []Event
	Arrivals       map[*wire.Txn][]*Arrival // by its attempts
	Contradictions []string                 // sentences without full stop: what CUCM's record says against what was inferred
	Proofs         []Proof
	Phone          *evidence.CUCMPhone // what CUCM said when it was asked; nil: nothing

	joined bool // messages of the phone stand in a node's trace
}

// A Proof is a record of a node, and what it shows.
type Proof struct {
	Node *cucmlog.Node
	cucmlog.Where
	At   int64
	What string
}

// Of is the story of a phone, of which the Expressways' logs led to a ruling. The ruling that
// was given does not change.
func (h *Heard) Of(p *phone.Phone, r *judge.Ruling) *Story {
	own := *r
	own.Claims = slices.Clone(r.Claims)
	s := &Story{Ruling: &own, Arrivals: map[*wire.Txn][]*Arrival{}}
	if h.Empty() {
		return s
	}
	if r.Reason != nil {
		why := *r.Reason
		s.Reason = &why
	}
	s.Events = h.eventsOf(p)
	for _, t := range p.Txns {
		for _, at := range t.Attempts {
			a := h.arrival(at)
			s.Arrivals[t] = append(s.Arrivals[t], a)
			s.joined = s.joined || a != nil
		}
	}
	h.ownHistory(s, p)
	h.dropped(s)
	h.reached(s)
	h.lines(s)
	h.asked(s, p)
	return s
}

// say adds a claim of CUCM's own.
func (s *Story) say(confidence, format string, args ...any) {
	s.Claims = append(s.Claims, judge.Claim{Text: "CUCM's own record: " + fmt.Sprintf(format, args...), Confidence: confidence})
}

// against adds a contradiction, which is a claim as well.
func (s *Story) against(confidence, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.Contradictions = append(s.Contradictions, text)
	s.say(confidence, "%s", text)
}

// shows adds a proof.
func (h *Heard) shows(s *Story, e Event, what string) {
	s.Proofs = append(s.Proofs, Proof{e.Node, e.Where, e.At, what})
}

// become makes another verdict of the ruling. Its first claim states it.
func (s *Story) become(verdict, confidence, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.Verdict == verdict {
		s.Confidence = greater(s.Confidence, confidence)
		if len(s.Claims) > 0 {
			s.Claims[0].Confidence = greater(s.Claims[0].Confidence, confidence)
		}
		s.say(confidence, "it %s", text)
		return
	}
	s.Verdict, s.Confidence = verdict, confidence
	s.Claims = slices.Insert(s.Claims, 0, judge.Claim{Text: text + ", by CUCM's own record", Confidence: confidence})
}

// greater is the greater of two confidences.
func greater(a, b string) string {
	if judge.Lesser(a, b) == a {
		return b
	}
	return a
}

// lapse is the stretch in which the phone lost its registration, as the ruling has it; false:
// there is none.
func (s *Story) lapse() (phone.Lapse, bool) {
	if s.Chain == nil || s.Reason == nil {
		return phone.Lapse{}, false
	}
	hist := &s.Chain.History
	for _, t := range []*wire.Txn{hist.Came, hist.Again, s.About} {
		if t != nil && slices.Contains(s.Chain.Txns, t) && t.Keeps() {
			return s.Chain.LapseTo(t), true
		}
	}
	return phone.Lapse{}, false
}

// lastArrival is the arrival of the attempt that counts; nil: it is not in the traces.
func (s *Story) lastArrival(t *wire.Txn) *Arrival {
	all := s.Arrivals[t]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i] != nil && all[i].Request != nil {
			return all[i]
		}
	}
	return nil
}

// firstArrival is that of the first attempt that came there.
func (s *Story) firstArrival(t *wire.Txn) *Arrival {
	for _, a := range s.Arrivals[t] {
		if a != nil && a.Request != nil {
			return a
		}
	}
	return nil
}

// drop is the alarm by which CUCM says that it dropped the phone in a lapse; nil: there is none.
func (s *Story) drop(l phone.Lapse) *Event {
	until := l.To.Sent + near
	if a := s.lastArrival(l.To); a != nil {
		until = a.At + near
	}
	from := int64(0)
	if l.From != nil {
		from = l.From.Sent - near
	}
	var out *Event
	for i := range s.Events {
		if e := &s.Events[i]; e.Kind == cucmtrace.Unregistered && e.At >= from && e.At <= until {
			out = e
		} else if out != nil && e.Kind != cucmtrace.Unregistered && e.At > out.At && e.At < until-near-int64(100*time.Millisecond) {
			out = nil // it registered again since
		}
	}
	return out
}

// near is within what times of two clocks are the same.
const near = int64(time.Second)
