package registration

import "time"

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
	state   state
	came    *txn   // the last keep-alive that was answered as a new registration
	back    *txn   // the full REGISTER after it
	full    *txn   // the last full REGISTER that succeeded
	gone    *txn   // the last unregister
	last    *txn   // the last success
	failing []*txn // REGISTERs without success since then
	again   *txn   // the last full REGISTER that followed a success or an unregister
	unclear *txn   // a success since the last full one of which it is not known what it was
	quiet   bool   // nothing was heard of it for longer than CUCM waits
	cut     *link  // its connection closed, and nothing was heard since
}

// tell goes through a chain in time order.
func (a *analysis) tell(c *chain) {
	s := &c.tale
	for _, t := range c.txns {
		switch {
		case t.kind == KindUnregister && (t.code == 0 || t.code/100 == 2):
			s.state, s.gone, s.failing = stateUnregistered, t, nil
		case t.kind == KindUnregister:
		case t.good():
			s.success(t)
		default:
			s.failing = append(s.failing, t)
		}
	}
	if s.last == nil || s.state == stateUnregistered {
		return
	}
	if l := s.last.link; l != nil && l.closed > s.last.sent && !l.failed {
		s.cut = l
	}
	wait := int64(s.last.expires) * int64(time.Second)
	if wait > 0 {
		wait += a.grace(s.last.expires)
	} else {
		wait = 2 * c.cadence(len(c.txns))
	}
	s.quiet = wait > 0 && a.end()-s.last.ok > wait
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
		s.state, s.full, s.unclear = stateAll, t, nil
	case t.kind == KindKeepAlive && t.told && t.newReg:
		s.state, s.came, s.back = stateOne, t, nil
	case was == stateNone || was == stateUnregistered:
		s.state = stateSome
	}
	if t.kind == KindRegister || t.kind == KindKeepAlive && !t.told {
		s.unclear = t
	}
	s.last = t
}

// end is the time of the last record of the peers that talk to CUCM, or of all.
func (a *analysis) end() int64 {
	if a.last != 0 {
		return a.last
	}
	role := ""
	if len(a.ofRole("C")) > 0 {
		role = "C"
	}
	for i, s := range a.scans {
		if s.last.IsZero() || role != "" && !a.isOf(i, role) {
			continue
		}
		at := s.last
		if o := a.sources[i].ClockOffset; o != nil {
			at = at.Add(-*o)
		}
		a.last = max(a.last, at.UnixNano())
	}
	return a.last
}

// isOf reports whether a source is of a host of that role.
func (a *analysis) isOf(source int, role string) bool {
	for _, h := range a.ofRole(role) {
		for _, i := range h.sources {
			if i == source {
				return true
			}
		}
	}
	return false
}
