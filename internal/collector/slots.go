package collector

import (
	"fmt"
	"sync"

	"rtmtgrab/internal/collector/control"
)

// How many grabs and checks the watcher does for others at once; those whose client is
// gone count too.
const (
	maxWorks     = 6  // in all, besides those that are kept
	maxUserWorks = 3  // of one user
	keptWorks    = 1  // for root and for the service's own user each, whatever the others do
	firstWorks   = 10 // beyond those for everybody, of users who have none yet
)

// slots are the places for works: nobody has all of them, and a few users who hold theirs
// for a day keep no other user out.
type slots struct {
	mu     sync.Mutex
	closed bool
	all    int         // of those for everybody
	first  int         // of firstWorks
	users  map[int]int // of both
	kept   map[int]int
	under  sync.WaitGroup // works under way
}

// enter takes a place for a peer, to be left when the work is done; or says why there is
// none.
func (s *slots) enter(p control.Peer) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("grab watch is stopping")
	}
	if s.users == nil {
		s.users, s.kept = map[int]int{}, map[int]int{}
	}
	uid, back := p.Number(), func() {}
	switch {
	case s.all < maxWorks && (s.users[uid] < maxUserWorks || !p.Known):
		s.all++
		s.users[uid]++
		back = func() { s.all--; s.users[uid]-- }
	case p.Ours() && s.kept[uid] < keptWorks:
		s.kept[uid]++
		back = func() { s.kept[uid]-- }
	case p.Known && s.users[uid] == 0 && s.first < firstWorks:
		s.first++
		s.users[uid]++
		back = func() { s.first--; s.users[uid]-- }
	case s.users[uid] >= maxUserWorks && p.Known:
		return nil, fmt.Errorf("grab watch has too many requests of %s: %d", p, s.users[uid])
	default:
		return nil, fmt.Errorf("grab watch has too many requests: %d", s.all+s.first)
	}
	s.under.Add(1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		back()
		s.under.Done()
	}, nil
}

// close lets nobody in any more and waits for those who are in.
func (s *slots) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.under.Wait()
}
