// Package beat has what waits wake up at the same moments.
//
// A process that is woken a hundred times a second to send one packet each time pays for being
// woken: several times what the packet costs. A thousand connections that are looked after every
// few seconds, each at a time of its own, do just that. On the beat of a second those whose time
// has come are woken together; who is to come apart from others takes another beat.
//
// It guarantees that a wait is changed by half a second at most, and by a twentieth of what it
// was. It knows nothing of who waits, nor for what.
package beat

import "time"

const (
	length = time.Second
	least  = 10 * length // shorter waits stay what they are
)

// On is about d: from now on so long that it ends on a beat.
func On(d time.Duration) time.Duration {
	if d < least {
		return d
	}
	past := time.Duration(time.Now().Add(d).UnixNano() % int64(length))
	if past < length/2 {
		return d - past
	}
	return d + length - past
}
