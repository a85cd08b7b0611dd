package lab

import (
	"fmt"
	"strconv"
	"time"
)

// A zone is the traversal zone at an Expressway-E.
type zone struct {
	down    bool
	stopped bool // the Expressway-E itself is down
	port    int  // of the C peers
	silence
}

func (s *Site) zone(e *Expressway) *zone {
	if s.zones[e] == nil {
		port := 25013
		for i := range s.cfg.E {
			if s.cfg.E[i] == e {
				port += 2 * i
			}
		}
		s.zones[e] = &zone{port: port}
	}
	return s.zones[e]
}

func (s *Site) zoneDown(now time.Time, e *Expressway) {
	s.zone(e).down = true
	s.tell(Happening{Time: now, What: ZoneFailed, E: e.cfg.Name})
	for _, c := range s.cfg.C {
		s.logZone(now, c, c, e, `"TCP Connection Closed" Reason="Got EOF on socket"`)
		s.logZone(now.Add(time.Millisecond), e, c, e, `"TCP Connection Closed" Reason="Got EOF on socket"`)
		s.logEvent(now, c, fmt.Sprintf(`Event="External Server Communications Failure" Reason="TCP connection failed" Service="NeighbourGatekeeper" Detail="name:%s:%d"`, e.cfg.IP, tunnelPort))
		s.logFailed(now.Add(s.cfg.Expires/12), c, e.cfg.IP, tunnelPort)
	}
	s.logEvent(now, e, `Event="External Server Communications Failure" Reason="no response" Service="NeighbourGatekeeper" Detail="name:TraversalZone"`)
}

func (s *Site) zoneUp(now time.Time, e *Expressway) {
	z := s.zone(e)
	z.down, z.port = false, 25000+s.rng.IntN(5000)
	s.tell(Happening{Time: now, What: ZoneBack, E: e.cfg.Name})
	for _, c := range s.cfg.C {
		s.logZone(now, c, c, e, `"TCP Connecting"`)
		s.logZone(now.Add(2*time.Millisecond), c, c, e, `"TCP Connection Established"`)
		s.logZone(now.Add(3*time.Millisecond), e, c, e, `"TCP Connection Established"`)
	}
}

// logZone is a record about the traversal link from c to e, at the end that is named first.
func (s *Site) logZone(at time.Time, end, c, e *Expressway, detail string) {
	s.logConnection(at, end, c.cfg.IP, s.zone(e).port, e.cfg.IP, tunnelPort, detail)
}

// logPhone is a record about the phone's connection at its Expressway-E.
func (s *Site) logPhone(at time.Time, p *phone, detail string) {
	s.logConnection(at, p.e, p.nat, p.natPort, p.e.cfg.IP, 5061, detail)
}

// logConnection is a record of network.tcp, which only DEBUG shows.
func (s *Site) logConnection(at time.Time, e *Expressway, from string, fromPort int, to string, toPort int, detail string) {
	if e.cfg.Logs.Level != "DEBUG" {
		return
	}
	mark := s.mark()
	s.log(at, e, "network.tcp", "DEBUG", mark, fmt.Sprintf(`Src-ip="%s" Src-port="%d" Dst-ip="%s" Dst-port="%d" Connection-ID="%s" Detail=%s`,
		from, fromPort, to, toPort, mark, detail))
}

// logFailed is the record of a connection that did not come about.
func (s *Site) logFailed(at time.Time, e *Expressway, to string, port int) {
	mark := s.mark()
	s.log(at, e, "network.tcp", "ERROR", mark, fmt.Sprintf(`Dst-ip="%s" Dst-port="%d" Detail="TCP Connection Failed" Connection-ID="%s"`, to, port, mark))
}

// logEvent is an Event record, which stands in the Event Log.
func (s *Site) logEvent(at time.Time, e *Expressway, text string) {
	l := e.logs[Messages]
	if l == nil {
		return
	}
	mark := s.mark()
	s.time.at(at, func(now time.Time) {
		l.add(&entry{proc: "tvcs:", event: true, level: "1", marker: mark, text: []byte(text + ` Connection-ID="` + mark + `" Level="1"`), created: e.HostTime(at)}, e.HostTime(now))
	})
}

func (s *Site) mark() string { return strconv.FormatUint(s.rng.Uint64()|1<<63, 16) }
