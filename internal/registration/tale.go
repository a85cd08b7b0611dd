package registration

import (
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
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
	came     *txn           // the last keep-alive that was answered as a new registration
	back     *txn           // the full REGISTER after it
	full     *txn           // the last full REGISTER that succeeded
	gone     *txn           // the last unregister
	last     *txn           // the last success
	failing  []*txn         // REGISTERs without success since then
	again    *txn           // the last full REGISTER that followed a success or an unregister
	doubtful *txn           // an unanswered REGISTER since the last full one that CUCM may have taken for a new registration
	unclear  *txn           // a success since the last full one of which it is not known what it was
	hole     *evidence.Span // the logs lack it, and a REGISTER of the chain may have stood there
	end      ending
}

// An ending is how a chain stops before the logs do.
type ending struct {
	quiet  bool  // nothing was heard of it for longer than CUCM waits
	cut    *link // its connection closed, and nothing was heard since
	silent *link // its connection went silent, as another phone shows
}

// tell goes through a chain in time order.
func tell(w *wire, c *chain) tale {
	var s tale
	for i, t := range c.txns {
		switch {
		case t.kind == KindUnregister && (t.code == 0 || t.code/100 == 2):
			s.state, s.gone, s.failing = stateUnregistered, t, nil
		case t.kind == KindUnregister:
		case t.good():
			if h := holeBefore(w, c, i); h != nil {
				s.hole = h
			}
			if d := doubtfulBefore(w, c, i); d != nil {
				s.doubtful = d
			}
			s.success(t)
		case t.code == 0 && w.Logs.End-t.sent < inFlight:
		default:
			s.failing = append(s.failing, t)
		}
	}
	if s.last == nil || s.state == stateUnregistered {
		return s
	}
	s.end = endOf(w, c, &s)
	if h := w.Missing(w.Teller(), s.last.ok, w.Logs.End); h != nil && missable(c, len(c.txns)-1, w.Logs.End-s.last.ok) {
		s.hole = h
	}
	return s
}

// success is what a 200 OK means.
func (s *tale) success(t *txn) {
	was := s.state
	s.failing = nil
	switch {
	case t.kind == KindFull:
		if s.came != nil && s.back == nil {
			s.back = t
		}
		if s.last != nil || s.gone != nil {
			s.again = t
		}
		s.state, s.full, s.unclear, s.hole, s.doubtful = stateAll, t, nil, nil, nil
	case t.kind == KindKeepAlive && t.marks.told && t.marks.newReg:
		s.state, s.came, s.back, s.doubtful = stateOne, t, nil, nil
	case was == stateNone || was == stateUnregistered:
		s.state = stateSome
	case t.kind == KindKeepAlive && t.marks.told && s.last != nil && t.line.call != s.last.line.call: // it registered anew, and that is not in the logs
		s.state, s.came, s.back, s.full, s.again = stateSome, nil, nil, nil, nil
	}
	if t.kind == KindRegister || t.kind == KindKeepAlive && !t.marks.told {
		s.unclear = t
	}
	s.last = t
}

// holeBefore is what the logs of all Cs lack of the gap before a success, if a REGISTER
// may have stood there: the gap is longer than the phone's cadence.
func holeBefore(w *wire, c *chain, i int) *evidence.Span {
	if c.prev[i] == nil || !missable(c, i, c.gap[i]) {
		return nil
	}
	return w.Missing(w.Teller(), c.prev[i].ok, c.txns[i].sent)
}

// doubtfulBefore is a REGISTER before a success that was sent to CUCM and not answered,
// when CUCM may have dropped the phone already: then the success tells nothing of the
// lines. nil: there is none.
func doubtfulBefore(w *wire, c *chain, i int) *txn {
	prev, t := c.prev[i], c.txns[i]
	if prev == nil || t.kind == KindFull || t.marks.newReg {
		return nil
	}
	for _, o := range c.txns[c.from[i]:i] {
		up := o.last.sentUp
		if !o.keeps() || up == nil || o.last.at[logs.FromCUCM] != nil {
			continue
		}
		at, ran := w.steady(up), prev.ok+int64(prev.expires)*int64(time.Second)
		if prev.exact {
			ran = prev.sent + int64(prev.expires)*int64(time.Second) // CUCM counts from what it got
		}
		if prev.expires > 0 && at > ran || prev.link != nil && prev.link.closed > prev.sent && prev.link.closed < up.At && !w.links.survived[prev.link] {
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

func endOf(w *wire, c *chain, s *tale) ending {
	var e ending
	if l := s.last.link; l != nil && l.closed > s.last.sent && !l.failed {
		e.cut = l
	}
	if l := s.last.link; l != nil && l.silent > s.last.sent {
		e.silent = l
	}
	wait := int64(s.last.expires) * int64(time.Second)
	if wait > 0 {
		wait += c.grace(s.last.expires)
	} else {
		wait = 2 * c.cadence(len(c.txns))
	}
	e.quiet = wait > 0 && w.Logs.End-s.last.ok > wait
	return e
}
