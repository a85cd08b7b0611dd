package mra

import (
	"fmt"
	"time"
)

// A zone is the traversal zone at an Expressway-E.
type zone struct {
	down    bool
	stopped bool // the Expressway-E itself is down
	port    int  // of the C peers
	silence
}

func (s *Site) zoneDown(now time.Time, e *peer) {
	e.zone.down = true
	s.story.tell(Happening{Time: now, What: ZoneFailed, E: e.Name()})
	for _, c := range s.c {
		c.logZone(now, c, e, `"TCP Connection Closed" Reason="Got EOF on socket"`)
		e.logZone(now.Add(time.Millisecond), c, e, `"TCP Connection Closed" Reason="Got EOF on socket"`)
		c.logEvent(now, fmt.Sprintf(`Event="External Server Communications Failure" Reason="TCP connection failed" Service="NeighbourGatekeeper" Detail="name:%s:%d"`, e.IP(), tunnelPort))
		c.logFailed(now.Add(s.cfg.Expires/12), e.IP(), tunnelPort)
	}
	e.logEvent(now, `Event="External Server Communications Failure" Reason="no response" Service="NeighbourGatekeeper" Detail="name:TraversalZone"`)
}

func (s *Site) zoneUp(now time.Time, e *peer) {
	z := e.zone
	z.down, z.port = false, 25000+s.rng.IntN(5000)
	s.story.tell(Happening{Time: now, What: ZoneBack, E: e.Name()})
	for _, c := range s.c {
		c.logZone(now, c, e, `"TCP Connecting"`)
		c.logZone(now.Add(2*time.Millisecond), c, e, `"TCP Connection Established"`)
		e.logZone(now.Add(3*time.Millisecond), c, e, `"TCP Connection Established"`)
	}
}

// logZone is a record at this end about the traversal link from c to e.
func (e *peer) logZone(at time.Time, c, server *peer, detail string) {
	e.logConnection(at, c.IP(), server.zone.port, server.IP(), tunnelPort, detail)
}
