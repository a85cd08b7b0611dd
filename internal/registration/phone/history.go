package phone

import (
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// A State is how a chain stands.
type State string

// States of a chain.
const (
	StateNone         State = ""
	StateOne          State = "one"        // came back by keep-alive
	StateAll          State = "all"        // registered in full
	StateSome         State = "registered" // kept alive; what was before the logs is not known
	StateUnregistered State = "unregistered"
)

// A History is what happened to one chain, up to the end of the logs. What did not happen,
// or is not in the logs, is nil.
type History struct {
	State    State
	Came     *wire.Txn      // the last keep-alive that was answered as a new registration
	Back     *wire.Txn      // the full REGISTER after it
	Full     *wire.Txn      // the last full REGISTER that succeeded
	Gone     *wire.Txn      // the last unregister
	Last     *wire.Txn      // the last success
	Failing  []*wire.Txn    // REGISTERs without success since then
	Again    *wire.Txn      // the last full REGISTER that followed a success or an unregister
	Doubtful *wire.Txn      // an unanswered REGISTER since the last full one that CUCM may have taken for a new registration
	Unclear  *wire.Txn      // a success since the last full one of which it is not known what it was
	Hole     *evidence.Span // the logs lack it, and a REGISTER of the chain may have stood there
	End      Ending
}

// An Ending is how a chain stops before the logs do.
type Ending struct {
	Quiet  bool       // nothing was heard of it for longer than CUCM waits
	Cut    *wire.Link // its connection closed, and nothing was heard since
	Silent *wire.Link // its connection went silent, as another phone shows
}

// historyOf goes through a chain in time order.
func historyOf(w *wire.Wire, c *Chain) History {
	var s History
	end := c.End(w)
	for i, t := range c.Txns {
		switch {
		case t.Kind == wire.KindUnregister && (t.Code == 0 || t.Code/100 == 2):
			s.State, s.Gone, s.Failing = StateUnregistered, t, nil
		case t.Kind == wire.KindUnregister:
		case t.Good():
			if h := holeBefore(w, c, i); h != nil {
				s.Hole = h
			}
			if d := doubtfulBefore(w, c, i); d != nil {
				s.Doubtful = d
			}
			s.success(t)
		case t.Code == 0 && end-t.Sent < wire.InFlight:
		case t.Last.Challenged() && end-t.Sent < wire.Again: // its credentials may come yet
		case t.Kind == wire.KindRegister && s.Last != nil && t.Timeline.To != s.Last.Timeline.To: // perhaps a keep-alive to a secondary CUCM
			s.Unclear = t
		default:
			s.Failing = append(s.Failing, t)
		}
	}
	if s.Last == nil || s.State == StateUnregistered {
		return s
	}
	s.End = endOf(w, c, &s)
	if h := w.Missing(w.RegistrarRole(), s.Last.OK, end); h != nil && missable(c, len(c.Txns)-1, end-s.Last.OK) {
		s.Hole = h
	}
	return s
}

// success is what a 200 OK means.
func (s *History) success(t *wire.Txn) {
	was := s.State
	s.Failing = nil
	switch {
	case t.Kind == wire.KindFull:
		if s.Came != nil && s.Back == nil {
			s.Back = t
		}
		if s.Last != nil || s.Gone != nil {
			s.Again = t
		}
		s.State, s.Full, s.Unclear, s.Hole, s.Doubtful = StateAll, t, nil, nil, nil
	case t.Kind == wire.KindKeepAlive && t.Marks.Told && t.Marks.NewReg:
		s.State, s.Came, s.Back, s.Doubtful = StateOne, t, nil, nil
	case was == StateNone || was == StateUnregistered:
		s.State = StateSome
	case t.Kind == wire.KindKeepAlive && t.Marks.Told && s.Last != nil && t.Timeline.Call != s.Last.Timeline.Call: // it registered anew, and that is not in the logs
		s.State, s.Came, s.Back, s.Full, s.Again = StateSome, nil, nil, nil, nil
	}
	if t.Kind == wire.KindRegister || t.Kind == wire.KindKeepAlive && !t.Marks.Told {
		s.Unclear = t
	}
	s.Last = t
}

// holeBefore is what the logs of all Cs lack of the gap before a success, if a REGISTER
// may have stood there: the gap is longer than the phone's cadence.
func holeBefore(w *wire.Wire, c *Chain, i int) *evidence.Span {
	if c.Prev[i] == nil || !missable(c, i, c.Gap[i]) {
		return nil
	}
	return w.Missing(w.RegistrarRole(), c.Prev[i].OK, c.Txns[i].Sent)
}

// doubtfulBefore is a REGISTER before a success that was sent to CUCM and not answered,
// when CUCM may have dropped the phone already: then the success tells nothing of the
// lines. nil: there is none.
func doubtfulBefore(w *wire.Wire, c *Chain, i int) *wire.Txn {
	prev, t := c.Prev[i], c.Txns[i]
	if prev == nil || t.Kind == wire.KindFull || t.Marks.NewReg {
		return nil
	}
	for _, o := range c.Txns[c.from[i]:i] {
		up := sentUp(w, o)
		if !o.Keeps() || up == nil || o.Last.At[logs.FromCUCM] != nil {
			continue
		}
		at, ran := w.Steady(up), prev.OK+int64(prev.Expires)*int64(time.Second)
		if prev.Exact {
			ran = prev.Sent + int64(prev.Expires)*int64(time.Second) // CUCM counts from what it got
		}
		if prev.Expires > 0 && at > ran || prev.Link != nil && prev.Link.Closed > prev.Sent && prev.Link.Closed < up.At && !w.Links.Survived[prev.Link] {
			return o
		}
	}
	return nil
}

// sentUp is the record of a REGISTER on its way to CUCM that is nearest to it; nil: it did not come
// so far. What E sent on may have got there where the log of its C is not known to be whole.
func sentUp(w *wire.Wire, t *wire.Txn) *logs.Message {
	if up := t.Last.SentUp; up != nil || t.Last.At[logs.IntoC] != nil || w.Covered(t.Sent, t.Sent+wire.InFlight) {
		return up
	}
	return t.Last.At[logs.OutOfE]
}

// missable reports whether a gap is so long that a REGISTER may have stood in it.
func missable(c *Chain, i int, gap int64) bool {
	pace := c.pace[i]
	if pace == 0 {
		return gap > int64(time.Minute)
	}
	return gap > pace+Tolerated(pace)
}

// End is where the logs end for the phone's last REGISTER, by the same clock.
func (c *Chain) End(w *wire.Wire) int64 {
	if len(c.Txns) == 0 {
		return w.Logs.End
	}
	return w.EndOf(hostOf(c.Txns[len(c.Txns)-1]))
}

func endOf(w *wire.Wire, c *Chain, s *History) Ending {
	var e Ending
	if l := s.Last.Link; l != nil && l.Closed > s.Last.Sent && !l.Failed {
		e.Cut = l
	}
	if l := s.Last.Link; l != nil && l.Silent > s.Last.Sent {
		e.Silent = l
	}
	wait := int64(s.Last.Expires) * int64(time.Second)
	if wait > 0 {
		wait += c.grace(s.Last.Expires)
	} else {
		wait = 2 * c.cadence(len(c.Txns))
	}
	e.Quiet = wait > 0 && c.End(w)-s.Last.OK > wait
	return e
}
