package registration

import (
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// How a chain stands.
type state string

const (
	stateNone         state = ""
	stateOne          state = "one"        // came back by keep-alive
	stateAll          state = "all"        // registered in full
	stateSome         state = "registered" // kept alive; what was before the logs is not known
	stateUnregistered state = "unregistered"
)

// A tale is what happened to one chain, up to the end of the logs.
type tale struct {
	state    state
	came     *wire.Txn      // the last keep-alive that was answered as a new registration
	back     *wire.Txn      // the full REGISTER after it
	full     *wire.Txn      // the last full REGISTER that succeeded
	gone     *wire.Txn      // the last unregister
	last     *wire.Txn      // the last success
	failing  []*wire.Txn    // REGISTERs without success since then
	again    *wire.Txn      // the last full REGISTER that followed a success or an unregister
	doubtful *wire.Txn      // an unanswered REGISTER since the last full one that CUCM may have taken for a new registration
	unclear  *wire.Txn      // a success since the last full one of which it is not known what it was
	hole     *evidence.Span // the logs lack it, and a REGISTER of the chain may have stood there
	end      ending
}

// An ending is how a chain stops before the logs do.
type ending struct {
	quiet  bool       // nothing was heard of it for longer than CUCM waits
	cut    *wire.Link // its connection closed, and nothing was heard since
	silent *wire.Link // its connection went silent, as another phone shows
}

// tell goes through a chain in time order.
func tell(w *wire.Wire, c *chain) tale {
	var s tale
	for i, t := range c.txns {
		switch {
		case t.Kind == wire.KindUnregister && (t.Code == 0 || t.Code/100 == 2):
			s.state, s.gone, s.failing = stateUnregistered, t, nil
		case t.Kind == wire.KindUnregister:
		case t.Good():
			if h := holeBefore(w, c, i); h != nil {
				s.hole = h
			}
			if d := doubtfulBefore(w, c, i); d != nil {
				s.doubtful = d
			}
			s.success(t)
		case t.Code == 0 && w.Logs.End-t.Sent < wire.InFlight:
		default:
			s.failing = append(s.failing, t)
		}
	}
	if s.last == nil || s.state == stateUnregistered {
		return s
	}
	s.end = endOf(w, c, &s)
	if h := w.Missing(w.Teller(), s.last.OK, w.Logs.End); h != nil && missable(c, len(c.txns)-1, w.Logs.End-s.last.OK) {
		s.hole = h
	}
	return s
}

// success is what a 200 OK means.
func (s *tale) success(t *wire.Txn) {
	was := s.state
	s.failing = nil
	switch {
	case t.Kind == wire.KindFull:
		if s.came != nil && s.back == nil {
			s.back = t
		}
		if s.last != nil || s.gone != nil {
			s.again = t
		}
		s.state, s.full, s.unclear, s.hole, s.doubtful = stateAll, t, nil, nil, nil
	case t.Kind == wire.KindKeepAlive && t.Marks.Told && t.Marks.NewReg:
		s.state, s.came, s.back, s.doubtful = stateOne, t, nil, nil
	case was == stateNone || was == stateUnregistered:
		s.state = stateSome
	case t.Kind == wire.KindKeepAlive && t.Marks.Told && s.last != nil && t.Timeline.Call != s.last.Timeline.Call: // it registered anew, and that is not in the logs
		s.state, s.came, s.back, s.full, s.again = stateSome, nil, nil, nil, nil
	}
	if t.Kind == wire.KindRegister || t.Kind == wire.KindKeepAlive && !t.Marks.Told {
		s.unclear = t
	}
	s.last = t
}

// holeBefore is what the logs of all Cs lack of the gap before a success, if a REGISTER
// may have stood there: the gap is longer than the phone's cadence.
func holeBefore(w *wire.Wire, c *chain, i int) *evidence.Span {
	if c.prev[i] == nil || !missable(c, i, c.gap[i]) {
		return nil
	}
	return w.Missing(w.Teller(), c.prev[i].OK, c.txns[i].Sent)
}

// doubtfulBefore is a REGISTER before a success that was sent to CUCM and not answered,
// when CUCM may have dropped the phone already: then the success tells nothing of the
// lines. nil: there is none.
func doubtfulBefore(w *wire.Wire, c *chain, i int) *wire.Txn {
	prev, t := c.prev[i], c.txns[i]
	if prev == nil || t.Kind == wire.KindFull || t.Marks.NewReg {
		return nil
	}
	for _, o := range c.txns[c.from[i]:i] {
		up := o.Last.SentUp
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

// missable reports whether a gap is so long that a REGISTER may have stood in it.
func missable(c *chain, i int, gap int64) bool {
	pace := c.pace[i]
	if pace == 0 {
		return gap > int64(time.Minute)
	}
	return gap > pace+tolerated(pace)
}

func endOf(w *wire.Wire, c *chain, s *tale) ending {
	var e ending
	if l := s.last.Link; l != nil && l.Closed > s.last.Sent && !l.Failed {
		e.cut = l
	}
	if l := s.last.Link; l != nil && l.Silent > s.last.Sent {
		e.silent = l
	}
	wait := int64(s.last.Expires) * int64(time.Second)
	if wait > 0 {
		wait += c.grace(s.last.Expires)
	} else {
		wait = 2 * c.cadence(len(c.txns))
	}
	e.quiet = wait > 0 && w.Logs.End-s.last.OK > wait
	return e
}
