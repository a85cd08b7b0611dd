package mra

import "time"

// A schedule is what a phone means to do next, and when.
type schedule struct {
	life   int       // number of boots: answers to what an earlier life sent do nothing
	plan   int       // number of the plan in force; older ones do nothing
	sent   time.Time // when the last REGISTER to the primary was sent; zero until registered
	next   time.Time // when the next will be
	lateAt time.Time // a late keep-alive that is wanted, or zero
}

// stop ends all that the phone had in mind.
func (s *schedule) stop() {
	s.plan++
	s.life++
	s.lateAt, s.sent = time.Time{}, time.Time{}
}

// due makes a new plan, and decides between the cadence and a late keep-alive: the silence
// before that begins as late as it can.
func (s *schedule) due(silence time.Duration) (plan int, at time.Time) {
	s.plan++
	at = s.next
	if !s.lateAt.IsZero() && s.lateAt.Sub(s.next) < silence {
		at = s.lateAt
		if earliest := s.sent.Add(silence); at.Before(earliest) {
			at = earliest
		}
		s.lateAt = time.Time{}
	}
	return s.plan, at
}
