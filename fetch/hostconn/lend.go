package hostconn

import (
	"context"
	"sync"
)

// A lentHandle is an open file of a session that several of its users hold. It is given
// back with the last of them: a host allows so many handles, whoever wants its logs.
type lentHandle struct {
	Handle
	memory *memory

	mu    sync.Mutex
	users int
}

// take makes one more user of the file, unless it has been given back.
func (l *lentHandle) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users == 0 {
		return false
	}
	l.users++
	return true
}

func (l *lentHandle) Close() error {
	l.mu.Lock()
	l.users--
	last := l.users == 0
	l.mu.Unlock()
	if !last {
		return nil
	}
	l.memory.unlist(l)
	return l.Handle.Close()
}

func (l *lentHandle) unit() int64 { return Unit(l.Handle, 0) }

// Lent is an open file that another user of the session has offered.
type Lent struct {
	Handle Handle
	What   any // as it was offered
}

// lending is the files of a host that are open and may be borrowed.
type lending struct {
	turn chan struct{} // held while somebody takes hold of all that there is
	held map[*lentHandle]offer
}

type offer struct {
	session *Session
	what    any
}

// HoldTurn waits until nobody else takes hold of the host's files for the first time:
// what one opens the next borrows.
func (s *shared) HoldTurn(ctx context.Context) (done func(), err error) {
	if s.memory == nil {
		return func() {}, nil
	}
	turn := s.memory.holdTurn()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-s.gone:
		return nil, errBroken
	case <-s.silent:
		return nil, ErrSilent
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Offer lets other users of the session borrow an open file of this share.
func (s *shared) Offer(h Handle, what any) {
	if f, ok := h.(*sharedFile); ok {
		if l, ok := f.Handle.(*lentHandle); ok {
			s.memory.list(l, offer{s.Session, what})
		}
	}
}

// Borrow is all files that other users of the session have offered, each to be closed.
func (s *shared) Borrow() []Lent {
	if s.memory == nil {
		return nil
	}
	var all []Lent
	for l, o := range s.memory.offered(s.Session) {
		if l.take() {
			all = append(all, Lent{s.add(l), o.what})
		}
	}
	return all
}

func (m *memory) holdTurn() chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lending.turn == nil {
		m.lending.turn = make(chan struct{}, 1)
	}
	return m.lending.turn
}

func (m *memory) list(l *lentHandle, o offer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lending.held == nil {
		m.lending.held = map[*lentHandle]offer{}
	}
	m.lending.held[l] = o
}

func (m *memory) unlist(l *lentHandle) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.lending.held, l)
}

// offered is what is open on a session.
func (m *memory) offered(s *Session) map[*lentHandle]offer {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[*lentHandle]offer{}
	for l, o := range m.lending.held {
		if o.session == s {
			all[l] = o
		}
	}
	return all
}
