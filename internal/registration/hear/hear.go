// Package hear hears CUCM: it joins what its nodes recorded to what the Expressways' logs show,
// and lets the record have its say in the ruling on a phone. A REGISTER is joined by Call-ID,
// CSeq and branch (the topmost Via of what Expressway-C sent); an alarm by device and time.
//
// It guarantees that a ruling is never less certain for what CUCM recorded, but where that is that
// it dropped the phone last, and that where the record contradicts what was inferred, the record
// wins and the contradiction is told. Without
// a joined message an alarm makes nothing more than likely. What rests on an absence from a
// trace is said only where the trace is known to be whole. It does not know how the report puts
// it.
package hear

import (
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/cucmlog"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// Heard is what CUCM's nodes recorded, joined to the wire.
type Heard struct {
	*cucmlog.Records
	w     *wire.Wire
	Ahead map[*cucmlog.Node]int64 // by how much a node's clock is ahead of the wire's, as joined messages show
	Joins map[*cucmlog.Node]int   // from how many; none: its clock was not compared
	Set   map[*cucmlog.Node]bool  // its clock was set within its traces: no time of its is compared

	messages map[callSeq][]*cucmlog.Message
	calls    map[string][]*cucmlog.Message
	byDevice map[string][]string         // Call-IDs, each once
	events   map[string][]*cucmlog.Event // by device
	phones   map[string]*said
}

type callSeq struct {
	call string
	cseq uint32
}

// said is CUCM's answer about a phone to those who asked (RISPort).
type said struct {
	evidence.CUCMPhone
	at time.Time // of that answer
}

// Join joins them. names are what CUCM said of phones when it was asked.
func Join(w *wire.Wire, r *cucmlog.Records, names []evidence.ClusterPhones) *Heard {
	h := &Heard{Records: r, w: w, Ahead: map[*cucmlog.Node]int64{}, Joins: map[*cucmlog.Node]int{}, Set: map[*cucmlog.Node]bool{}, messages: map[callSeq][]*cucmlog.Message{},
		calls: map[string][]*cucmlog.Message{}, byDevice: map[string][]string{}, events: map[string][]*cucmlog.Event{}, phones: map[string]*said{}}
	for _, m := range r.Messages {
		k := callSeq{m.Call, m.CSeq}
		h.messages[k] = append(h.messages[k], m)
		if len(h.calls[m.Call]) == 0 && m.Device != "" {
			h.byDevice[m.Device] = append(h.byDevice[m.Device], m.Call)
		}
		h.calls[m.Call] = append(h.calls[m.Call], m)
	}
	for _, e := range r.Events {
		h.events[e.Device] = append(h.events[e.Device], e)
	}
	compareClocks(h)
	for _, c := range names {
		at := c.First
		if c.State == "certain" {
			at = c.Second
		}
		for _, p := range c.Phones {
			d := strings.ToUpper(p.Device)
			if old := h.phones[d]; old == nil || p.Since.After(old.Since) {
				h.phones[d] = &said{p, at}
			}
		}
	}
	return h
}

// Empty reports whether CUCM said nothing at all.
func (h *Heard) Empty() bool {
	return len(h.Messages) == 0 && len(h.Events) == 0 && len(h.phones) == 0
}

// Time is when a node recorded something, by the wire's clock.
func (h *Heard) Time(n *cucmlog.Node, at int64) int64 { return at - h.Ahead[n] }

// An Arrival is one REGISTER at CUCM, as its own trace has it.
type Arrival struct {
	Node    *cucmlog.Node
	Request *cucmlog.Message   // the first that arrived; nil: only the answer is in the trace
	Answer  *cucmlog.Message   // the final one; nil: none is in the trace
	Way     []*cucmlog.Message // all of it, in time order
	At      int64              // of Request, by the wire's clock; 0: none
	Said    int64              // of Answer; 0: none
}

// Bounds on what is told of one attempt, and of one phone.
const (
	maxWay    = 60   // messages
	maxEvents = 2000 // alarms, the newest
)

// arrival is an attempt at CUCM; nil: its nodes' traces do not show it.
func (h *Heard) arrival(at *wire.Attempt) *Arrival {
	m := at.Messages[0]
	all := h.messages[callSeq{h.w.Texts.Of(m.Call), m.CSeq}]
	if len(all) == 0 {
		return nil
	}
	branches := map[uint64]bool{}
	for _, m := range at.Messages {
		if s := h.w.Stage(m); (s == logs.ToCUCM || s == logs.FromCUCM) && m.Branch != 0 {
			branches[m.Branch] = true
		}
	}
	to := h.w.Texts.Of(m.To)
	a := &Arrival{}
	for _, m := range all {
		if len(a.Way) >= maxWay {
			break // somebody repeats himself
		}
		if len(branches) > 0 && m.Branch != 0 && !branches[m.Branch] || len(branches) == 0 && to != "" && m.To != "" && !cucmlog.Same(m.To, to) {
			continue
		}
		if a.Node == nil {
			a.Node = m.Node
		}
		a.Way = append(a.Way, m)
		switch {
		case !m.Answer && a.Request == nil:
			a.Request, a.Node, a.At = m, m.Node, h.Time(m.Node, m.At)
		case m.Answer && m.Code >= 200 && (a.Answer == nil || a.Answer.Code >= 300):
			a.Answer, a.Said = m, h.Time(m.Node, m.At)
		}
	}
	if len(a.Way) == 0 {
		return nil
	}
	return timed(h, a, at)
}

// beside are the request as it was seen nearest to CUCM before it came there, and the answer
// after it; nil: not seen.
func beside(at *wire.Attempt) (sent, got *logs.Message) {
	if sent = at.SentUp; sent == nil {
		for _, s := range []logs.Stage{logs.IntoC, logs.OutOfE, logs.PhoneToE} {
			if sent = at.At[s]; sent != nil {
				break
			}
		}
	}
	for _, s := range []logs.Stage{logs.FromCUCM, logs.OutOfC, logs.IntoE, logs.EToPhone} {
		if got = at.At[s]; got != nil {
			return sent, got
		}
	}
	return sent, nil
}

// nodeOf is the node to which a timeline's REGISTERs go; nil: there is no trace of it.
func (h *Heard) nodeOf(t *wire.Txn) *cucmlog.Node {
	to := h.w.Texts.Of(t.Timeline.To)
	ip := ""
	if m := t.Last.At[logs.ToCUCM]; m != nil {
		ip = h.w.Texts.AddrPort(m.Far).Addr().String()
	}
	for _, n := range h.Nodes {
		if n.IP != "" && n.IP == ip || cucmlog.Same(n.Name, to) {
			return n
		}
	}
	return nil
}

// whole reports whether a node's trace of SIP messages is known to lack nothing of a span, by
// the wire's clock.
func (h *Heard) whole(n *cucmlog.Node, from, to int64) bool {
	return n != nil && n.SIP && !h.Set[n] && h.Covers(n, from+h.Ahead[n], to+h.Ahead[n])
}

// device is the name by which CUCM knows a phone; empty: not known.
func device(p *phone.Phone) string {
	if p.Device == "" && p.MAC != "" {
		return "SEP" + strings.ToUpper(p.MAC)
	}
	return strings.ToUpper(p.Device)
}

// Teach tells the wire what the Expressways did not log of transactions: what a REGISTER wanted,
// and what CUCM took it for.
func (h *Heard) Teach() {
	if len(h.Messages) > 0 {
		h.w.Learn(h.learned)
	}
}

func (h *Heard) learned(t *wire.Txn) wire.Learned {
	var k wire.Learned
	for _, at := range t.Attempts {
		a := h.arrival(at)
		if a == nil {
			continue
		}
		if m := a.Request; m != nil && k.Kind != wire.KindFull {
			k.Kind = kindOf(m)
		}
		if m := a.Answer; m != nil && at == t.Last && m.Code/100 == 2 {
			k.Answered, k.NewReg, k.Rejected, k.Expires = true, m.NewReg, m.Failed, m.Grants
		}
	}
	return k
}

func kindOf(m *cucmlog.Message) string {
	switch {
	case m.Full:
		return wire.KindFull
	case m.Second:
		return wire.KindSecondary
	case m.Leaves:
		return wire.KindUnregister
	}
	return wire.KindKeepAlive
}

// Name is the device of a Call-ID as its REGISTERs at CUCM name it; empty: they do not.
func (h *Heard) Name(call string) string {
	for _, m := range h.calls[call] {
		if m.Device != "" {
			return m.Device
		}
	}
	return ""
}

// sure is how certain alarms about a phone are: certain where its messages are in the trace of
// that node.
func (h *Heard) sure(s *Story) string {
	if s.joined {
		return judge.Certain
	}
	return judge.Likely
}

// eventsOf are the alarms about a phone, by the wire's clock.
func (h *Heard) eventsOf(p *phone.Phone) []Event {
	var out []Event
	all := h.events[device(p)]
	for _, e := range all[max(0, len(all)-maxEvents):] {
		if h.Set[e.Node] {
			continue
		}
		out = append(out, Event{e, h.Time(e.Node, e.At)})
	}
	slices.SortStableFunc(out, func(a, b Event) int {
		return int(max(-1, min(1, a.At-b.At)))
	})
	return out
}

// An Event is an alarm about a phone.
type Event struct {
	*cucmlog.Event
	At int64 // by the wire's clock
}

// stampNoise is by how much single stamps of an Expressway are off.
const stampNoise = 30 * time.Millisecond

// Delay is how long a REGISTER took from Expressway-C to CUCM, in ms; nil: not known.
func (h *Heard) Delay(sent *logs.Message, a *Arrival) *float64 {
	if h.Joins[a.Node] == 0 || h.Set[a.Node] {
		return nil
	}
	d := a.At - h.w.Steady(sent)
	if d < 0 && d > -int64(stampNoise) {
		d = 0
	}
	ms := float64(d/1000) / 1000
	return &ms
}

// NodeOf is the node that a transaction went to; nil: there is no log of it.
func (h *Heard) NodeOf(t *wire.Txn) *cucmlog.Node { return h.nodeOf(t) }

// Lacks says what of a span, by the wire's clock, the SDL traces of a node lack, for people;
// empty: nothing, as far as that is known.
func (h *Heard) Lacks(n *cucmlog.Node, from, to int64) (lacks string, known bool) {
	lacks, known = h.Records.Lacks(n, from+h.Ahead[n], to+h.Ahead[n])
	return lacks, known && !h.Set[n]
}
