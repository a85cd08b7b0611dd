package registration

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/cucmlog"
	"rtmtgrab/internal/registration/hear"
	"rtmtgrab/internal/registration/wire"
)

// A CUCMNode is a node of which there is a trace.
type CUCMNode struct {
	Node     string `json:"node"`
	SIPTrace bool   `json:"sip_trace"` // SIP messages stand in its SDL trace
	// ClockAheadMS is how far its clock is ahead of the times in this report, beyond an
	// offset that was measured; from how many REGISTERs that is known.
	ClockAheadMS float64         `json:"clock_ahead_ms"`
	Joins        int             `json:"joins"`
	Files        []CUCMTraceFile `json:"files"`
}

// A CUCMTraceFile is one log of a node that was read.
type CUCMTraceFile struct {
	Kind     string          `json:"kind"` // sdl, application
	File     string          `json:"file"`
	Records  int64           `json:"records"`
	First    *time.Time      `json:"first"` // by the node's clock
	Last     *time.Time      `json:"last"`
	Coverage string          `json:"coverage,omitempty"`
	Missing  []evidence.Span `json:"missing,omitempty"`
	Error    string          `json:"error,omitempty"` // why it was not read to its end
}

// A CUCMEvent is an alarm of CUCM's about a device.
type CUCMEvent struct {
	Time       time.Time `json:"time"` // by the report's clock
	Node       string    `json:"node"`
	What       string    `json:"what"`  // registered, unregistered, partially_registered, refused, reset
	Alarm      string    `json:"alarm"` // its name
	Reason     int       `json:"reason,omitempty"`
	ReasonText string    `json:"reason_text,omitempty"`
	Proof      Proof     `json:"evidence"`
}

// AtNode is one transaction as CUCM's own trace has it.
type AtNode struct {
	Node       string     `json:"node"`
	Arrived    *time.Time `json:"arrived"`  // the REGISTER, the last attempt; null: only the answer is there
	Answered   *time.Time `json:"answered"` // null: no final answer is in the trace
	Code       int        `json:"code,omitempty"`
	NewReg     bool       `json:"new_registration,omitempty"`
	DelayMS    *float64   `json:"delay_ms,omitempty"` // since Expressway-C sent it
	Contradict string     `json:"contradicts,omitempty"`
}

// A Contradiction is one between CUCM's record of a phone and what was inferred.
type Contradiction struct {
	Device string `json:"device"`
	What   string `json:"what"`
}

// maxEvents bounds CUCM's alarms that are listed of a phone: the newest.
const maxEvents = 50

// hears takes what CUCM says of the phone.
func (t *told) hears(h *hear.Heard, s *hear.Story) {
	t.story = s
	for _, c := range s.Contradictions {
		t.out.Contradictions = append(t.out.Contradictions, sentence(c))
	}
	t.out.CUCMPhone = s.Phone
	events := s.Events
	if n := len(events) - maxEvents; n > 0 {
		events = events[n:]
	}
	for _, e := range events {
		o := CUCMEvent{Time: time.Unix(0, e.At).UTC(), Node: e.Node.Name, What: string(e.Kind), Alarm: e.Name, Reason: e.Reason, Proof: cucmProof(h, e.Node, e.Where, e.At, alarmLabel(&e))}
		if e.Reason > 0 {
			o.ReasonText = cucmtrace.ReasonWords(e.Reason)
		}
		t.out.CUCMEvents = append(t.out.CUCMEvents, o)
	}
	for _, p := range s.Proofs {
		t.out.Proofs = append(t.out.Proofs, cucmProof(h, p.Node, p.Where, p.At, p.What))
	}
	t.out.Proofs = distinct(t.out.Proofs)
}

func alarmLabel(e *hear.Event) string {
	if e.Reason == 0 {
		return e.Name
	}
	return e.Name + " (" + cucmtrace.ReasonWords(e.Reason) + ")"
}

func cucmProof(h *hear.Heard, n *cucmlog.Node, w cucmlog.Where, at int64, what string) Proof {
	return Proof{Host: n.Name, File: h.Sources[w.Source].File, Offset: w.Offset, Length: w.Length, Time: time.Unix(0, at).UTC(), What: what}
}

// last is the attempt of a transaction that CUCM's trace shows last; nil: it shows none.
func (t *told) last(x *wire.Txn) *hear.Arrival {
	if t.story == nil {
		return nil
	}
	all := t.story.Arrivals[x]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i] != nil {
			return all[i]
		}
	}
	return nil
}

// atCUCM is a transaction as CUCM's own trace has it.
func (t *told) atCUCM(h *hear.Heard, x *wire.Txn) *AtNode {
	a := t.last(x)
	if a == nil {
		return nil
	}
	out := &AtNode{Node: a.Node.Name}
	if a.Request != nil {
		out.Arrived = stamp(a.At)
		if up := x.Last.SentUp; up != nil && t.story.Arrivals[x][len(x.Attempts)-1] == a {
			out.DelayMS = h.Delay(up, a)
		}
	}
	if a.Answer != nil {
		out.Answered, out.Code, out.NewReg = stamp(a.Said), int(a.Answer.Code), a.Answer.NewReg
		switch {
		case x.Code == 0:
			out.Contradict = fmt.Sprintf("the Expressways' logs have no answer, CUCM answered %d", a.Answer.Code)
		case int(x.Code) != int(a.Answer.Code) && x.Marks.Own:
			out.Contradict = fmt.Sprintf("Expressway answered %d itself, CUCM answered %d", x.Code, a.Answer.Code)
		}
	}
	return out
}

// maxOwn bounds the hops of CUCM's own that are told of one transaction.
const maxOwn = 100

// withCUCM puts what CUCM's own trace shows of a transaction, and when it dropped the device
// before that, among its hops.
func (t *told) withCUCM(h *hear.Heard, x *wire.Txn, hops []Hop) []Hop {
	if t.story == nil {
		return hops
	}
	var own []Hop
	add := func(at int64, what string, n *cucmlog.Node, w cucmlog.Where) {
		own = append(own, Hop{Time: time.Unix(0, at).UTC(), From: AtCUCM, To: AtCUCM, What: what, Node: n.Name, Proofs: []Proof{cucmProof(h, n, w, at, what)}})
	}
	for _, a := range t.story.Arrivals[x] {
		if a == nil {
			continue
		}
		for _, m := range a.Way[:min(len(a.Way), max(0, maxOwn-len(own)))] {
			what := "REGISTER arrived"
			if m.Answer {
				what = strings.TrimSpace(fmt.Sprintf("answers %d %s", m.Code, m.Phrase))
			}
			add(a.TimeOf(h, m), what, m.Node, m.Where)
		}
	}
	from, until := t.spell(x)
	for i := range t.story.Events {
		if e := &t.story.Events[i]; e.At > from && e.At <= until && len(own) < maxOwn && e.Kind != cucmtrace.Registered {
			what := map[cucmtrace.Kind]string{cucmtrace.Unregistered: "dropped the device", cucmtrace.Partially: "device is partially registered",
				cucmtrace.Refused: "device was refused", cucmtrace.Resetting: "resets the device"}[e.Kind]
			if e.Reason > 0 {
				what += fmt.Sprintf(" (reason %d)", e.Reason) // the column is narrow: its word is with the alarm
			}
			add(e.At, what, e.Node, e.Where)
		}
	}
	hops = append(hops, own...)
	slices.SortStableFunc(hops, func(a, b Hop) int { return a.Time.Compare(b.Time) })
	return hops
}

// spell is the time after the phone's transaction before this one, up to the end of this one:
// what happened then is told with it.
func (t *told) spell(x *wire.Txn) (from, until int64) {
	i := slices.Index(t.Txns, x)
	if i > 0 {
		from = max(t.Txns[i-1].Sent, t.Txns[i-1].OK) + int64(time.Second)
	}
	if i == len(t.Txns)-1 {
		return from, math.MaxInt64
	}
	return from, max(x.Sent, x.OK) + int64(time.Second)
}

// nodesOf are the nodes of which something was read.
func nodesOf(h *hear.Heard) []CUCMNode {
	var out []CUCMNode
	for _, n := range h.Nodes {
		o := CUCMNode{Node: n.Name, SIPTrace: n.SIP, ClockAheadMS: float64(h.Ahead[n]/1000) / 1000, Joins: h.Joins[n], Files: []CUCMTraceFile{}}
		for i, s := range h.Scans {
			if s.Node != n {
				continue
			}
			src := &h.Sources[i]
			f := CUCMTraceFile{Kind: src.Kind, File: src.File, Records: s.Records, Missing: src.Missing}
			if !s.First.IsZero() {
				f.First, f.Last = &s.First, &s.Last
			}
			if s.Err != nil {
				f.Error = evidence.Printable(s.Err.Error(), 300)
			}
			switch {
			case src.Complete:
				f.Coverage = string(evidence.Complete)
			case len(src.Missing) > 0:
				f.Coverage = string(evidence.Partial)
			}
			o.Files = append(o.Files, f)
		}
		out = append(out, o)
	}
	return out
}

// contradictions are those of all phones.
func contradictions(all []told) []Contradiction {
	var out []Contradiction
	for _, t := range all {
		for _, c := range t.out.Contradictions {
			out = append(out, Contradiction{t.short(), c})
		}
	}
	return out
}
