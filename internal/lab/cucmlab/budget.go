package cucmlab

import "time"

// What a cluster allows a minute, over all nodes and all who ask.
const (
	risRate  = 15
	perfRate = 80
)

// A budget is when the calls of the last minute were made, by service.
type budget map[Service][]time.Time

// take counts one call more, unless the minute's calls are used up.
func (b *budget) take(s Service, now time.Time, limit int) bool {
	if *b == nil {
		*b = budget{}
	}
	calls := (*b)[s]
	for len(calls) > 0 && now.Sub(calls[0]) >= time.Minute {
		calls = calls[1:]
	}
	ok := len(calls) < limit
	if ok {
		calls = append(calls, now)
	}
	(*b)[s] = calls
	return ok
}
