package hostconn

import (
	"context"
	"sync"
	"time"
)

// shared is one user's share of a session. Its calls return as soon as it is
// closed, though the host may never answer them: what was asked goes on within
// the session, which ends when nothing comes for too long, and until then serves
// its other users. After such a call its buffer belongs to what goes on: nobody
// may look at it again.
type shared struct {
	*Session
	memory *memory
	leave  func(broken bool)
	gone   chan struct{} // closed with the share
	silent chan struct{} // closed when another session took the place of its silent one

	mu     sync.Mutex
	closed bool
	files  map[*sharedFile]struct{} // that are open
}

func newShared(s *Session, m *memory, leave func(broken bool)) *shared {
	return &shared{Session: s, memory: m, leave: leave, gone: make(chan struct{}), silent: make(chan struct{}), files: map[*sharedFile]struct{}{}}
}

// Share is a further share of the session, for as long as this one is not closed: with it
// goes what is open of its own.
func (s *shared) Share() Conn {
	further := newShared(s.Session, s.memory, func(bool) {})
	further.silent = s.silent
	return further
}

// Close gives the session back, and all files that are open. broken says that its
// user has given up on it: if there is no other it ends at once. Others notice
// for themselves when it is lost; what they hold must not be let go for one.
func (s *shared) Close(broken bool) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.gone)
	for f := range s.files {
		s.calls.Go(func() { f.Handle.Close() }) // a sick peer answers no CLOSE: it is not waited for
	}
	s.files = nil
	s.mu.Unlock()
	s.leave(broken)
}

// do runs f within the session and waits for its end, that of ctx or that of the
// share. If it returns an error f may go on: then what f writes is not to be read.
func (s *shared) do(ctx context.Context, f func()) error {
	select {
	case <-s.gone:
		return errBroken
	case <-s.silent:
		return ErrSilent
	default:
	}
	done := make(chan struct{})
	s.calls.Go(func() {
		defer close(done)
		f()
	})
	select {
	case <-done:
		return nil
	case <-s.gone:
		return errBroken
	case <-s.silent:
		return ErrSilent
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *shared) List(ctx context.Context, dir string) ([]Entry, error) {
	var entries []Entry
	var err error
	if gone := s.do(ctx, func() { entries, err = s.Session.List(ctx, dir) }); gone != nil {
		return nil, gone
	}
	return entries, err
}

func (s *shared) Open(ctx context.Context, name string) (Handle, error) {
	var h Handle
	var err error
	gone := s.do(ctx, func() {
		var f Handle
		if f, err = s.Session.Open(ctx, name); err == nil {
			if s.memory != nil {
				f = &lentHandle{Handle: f, memory: s.memory, users: 1}
			}
			h = s.add(f)
		}
	})
	if gone != nil {
		return nil, gone
	}
	return h, err
}

// add makes a file one of the share's, which gives it back when it is closed; so
// it is given back at once if the share is closed already.
func (s *shared) add(h Handle) Handle {
	f := &sharedFile{h, s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.calls.Go(func() { h.Close() })
	} else {
		s.files[f] = struct{}{}
	}
	return f
}

// Clock is Session.Clock, out of memory if there it is fresh.
func (s *shared) Clock(ctx context.Context) (time.Duration, time.Duration, error) {
	if offset, doubt, ok := s.memory.clock(s.Session, time.Now()); ok {
		return offset, doubt, nil
	}
	var offset, doubt time.Duration
	var err error
	if gone := s.do(ctx, func() { offset, doubt, err = s.Session.Clock(ctx) }); gone != nil {
		return 0, 0, gone
	}
	return offset, doubt, err
}

// measure puts the host's clock into memory, if it can be measured.
func (s *shared) measure(ctx context.Context) error {
	now := time.Now()
	offset, doubt, err := s.Session.Clock(ctx)
	if err == nil {
		s.memory.setClock(s.Session, now, offset, doubt)
	}
	return err
}

// MeasureClock is Session.Clock, kept in memory.
func (s *shared) MeasureClock(ctx context.Context) (offset, doubt time.Duration, err error) {
	now := time.Now()
	if gone := s.do(ctx, func() { offset, doubt, err = s.Session.Clock(ctx) }); gone != nil {
		return 0, 0, gone
	}
	if err == nil {
		s.memory.setClock(s.Session, now, offset, doubt)
	}
	return offset, doubt, err
}

// sharedFile is an open file of a share.
type sharedFile struct {
	Handle
	s *shared
}

func (f *sharedFile) ReadAt(b []byte, off int64) (int, error) {
	var n int
	var err error
	if gone := f.s.do(context.Background(), func() { n, err = f.Handle.ReadAt(b, off) }); gone != nil {
		return 0, gone
	}
	return n, err
}

func (f *sharedFile) Stat() (int64, time.Time, error) {
	var size int64
	var mtime time.Time
	var err error
	if gone := f.s.do(context.Background(), func() { size, mtime, err = f.Handle.Stat() }); gone != nil {
		return 0, time.Time{}, gone
	}
	return size, mtime, err
}

// Close gives the file back. After the share's Close there is nothing to do.
func (f *sharedFile) Close() error {
	f.s.mu.Lock()
	_, open := f.s.files[f]
	delete(f.s.files, f)
	f.s.mu.Unlock()
	if !open {
		return nil
	}
	return f.Handle.Close()
}

func (f *sharedFile) unit() int64 { return Unit(f.Handle, 0) }

// A callGroup is goroutines that can be waited for while more begin.
type callGroup struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n comes to zero; nil if nobody waits
}

func (c *callGroup) Go(f func()) {
	c.begin()
	go func() {
		defer c.end()
		f()
	}()
}

func (c *callGroup) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

func (c *callGroup) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// Wait returns at a moment when none is under way.
func (c *callGroup) Wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.n > 0 {
		if c.idle == nil {
			c.idle = make(chan struct{})
		}
		idle := c.idle
		c.mu.Unlock()
		<-idle
		c.mu.Lock()
	}
}
