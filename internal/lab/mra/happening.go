package mra

import (
	"sync"
	"time"
)

// What can happen, as it is told to Notify.
const (
	Registered   = "registered"             // a full REGISTER was accepted: all lines
	Refused      = "refused"                // a REGISTER was answered with an error that is no challenge
	KeptAlive    = "kept_alive"             // a keep-alive reached CUCM in time
	CameBack     = "came_back_by_keepalive" // a keep-alive was taken for a new registration: one line
	Dropped      = "dropped"                // CUCM forgot the phone; no message says so
	Unregistered = "unregistered"           // by the phone
	TCPClosed    = "tcp_closed"             // the connection from an Expressway-C to CUCM
	ZoneFailed   = "zone_failed"            // the traversal zone of an Expressway-E
	ZoneBack     = "zone_back"              // and it works again
	NodeFailed   = "node_failed"            // a CUCM node answers no more
	NodeBack     = "node_back"              // and answers again
	PeerFailed   = "peer_failed"            // an Expressway-E stopped

	RegisteredLine  = "registered_line"  // one more line registered, by a REGISTER of its own
	RegisteredPlain = "registered_plain" // a first REGISTER without a body was accepted
	TCPSilent       = "tcp_silent"       // the connection from an Expressway-C to CUCM carries nothing any more
	ZoneWentSilent  = "zone_silent"      // nor does the one from an Expressway-E to the Cs
	Stalled         = "stalled"          // a hop stands still
)

// A Happening is one thing that happened at a Site, and the truth about it.
type Happening struct {
	Time   time.Time // real, when it happened at CUCM
	What   string    // one of the constants above
	Device string    // SEP…; empty for what happens to connections, zones, nodes and peers
	Number string    // the first directory number
	// Numbers are all that the phone has, in their order: the first Lines of them are
	// registered afterwards. User is who has them, Path 2 the second registration of a
	// phone with HA.
	Numbers []string
	User    string
	Path    int
	CallID  string
	CSeq    int
	CUCM    string // node
	C, E    string // names of the peers it went through, as far as there are any
	Lines   int    // lines registered afterwards
	All     int    // lines that the phone has
	Code    int    // of a Refused
	By      string // who made the answer of a Refused: a node or a peer
	NewReg  bool   // the answer had x-cisco-newreg
	// Sent is when Expressway-C sent the REGISTER on to CUCM, Gap the time since
	// the one before it of the same Call-ID; zero without one.
	Sent time.Time
	Gap  time.Duration
	// Blame is where a phone that came back by keep-alive lost its registration.
	Blame Hop
}

// A story is everything that happened, in order. It is safe for concurrent use.
type story struct {
	notify func(Happening) // told of each; nil: nobody

	mu       sync.Mutex
	happened []Happening
}

func (s *story) tell(h Happening) {
	s.mu.Lock()
	s.happened = append(s.happened, h)
	s.mu.Unlock()
	if s.notify != nil {
		s.notify(h)
	}
}

func (s *story) since(n int) []Happening {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Happening{}, s.happened[min(n, len(s.happened)):]...)
}
