package cucmlab

import (
	"sync"
	"time"
)

// A Request is what somebody asked, and the status of the answer.
type Request struct {
	Time      time.Time // when it was answered, by the Cluster's clock
	Node      string    // FQDN
	Service   Service
	Operation string // the element in the Body; empty: it was refused before that was read
	Item      string // what was asked for: a file's path, a RIS status, a device
	User      string
	Status    int    // of HTTP; 0: the connection was spoilt
	Fault     string // the text of the SOAP fault
	Cookies   int
}

// keptRequests is how many a Cluster remembers at most.
const keptRequests = 100_000

type requestLog struct {
	mu  sync.Mutex
	all []Request
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) < keptRequests {
		l.all = append(l.all, r)
	}
}
