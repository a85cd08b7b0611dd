package hostconn

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	laneCount = 4       // channels beside the first; one SSH channel carries 2 MiB in a round trip
	laneFrom  = 8 << 20 // bytes from which on lanes are worth being opened
	laneIdle  = 5 * time.Second
	tailSize  = 4 << 10
)

// laneSilence is how long a lane may say nothing before it is asked whether the
// connection lives. A variable for the tests.
var laneSilence = 10 * time.Second

// laneSet is the lanes of a session. They are opened when a big copy begins and
// closed a little after the last one ended.
type laneSet struct {
	mu     sync.Mutex
	free   chan *lane // of laneCount
	open   int        // those that are being opened too
	most   int        // how many the host allows
	users  int
	closed bool
	idle   *time.Timer
}

// useLanes returns where lanes come from as they become free. They are opened
// beside whatever is going on; a host that allows fewer gets by with fewer.
func (s *Session) useLanes() <-chan *lane {
	set := &s.lanes
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.free == nil {
		set.free, set.most = make(chan *lane, laneCount), laneCount
		set.idle = time.AfterFunc(time.Hour, s.closeLanes)
	}
	set.idle.Stop()
	if set.users++; set.users == 1 {
		letGarbage(1)
	}
	for set.open < set.most && !set.closed {
		set.open++
		s.wg.Go(s.addLane)
	}
	return set.free
}

func (s *Session) leaveLanes() {
	set := &s.lanes
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.users--; set.users > 0 {
		return
	}
	letGarbage(-1)
	if !set.closed {
		set.idle.Reset(laneIdle)
	}
}

func (s *Session) addLane() {
	l, err := s.newLane()
	if err == nil {
		s.giveLane(l)
		return
	}
	set := &s.lanes
	set.mu.Lock()
	defer set.mu.Unlock()
	set.open--
	set.most = min(set.most, set.open)
}

func (s *Session) newLane() (*lane, error) {
	c, err := s.ssh.NewSession()
	if err != nil {
		return nil, err
	}
	var l *lane
	w, err := c.StdinPipe()
	if err == nil {
		var r io.Reader
		if r, err = c.StdoutPipe(); err == nil {
			if err = c.RequestSubsystem("sftp"); err == nil {
				l, err = newLane(c, &budgetReader{r: r, heard: &s.heard}, w)
			}
		}
	}
	if err != nil {
		c.Close()
	}
	return l, err
}

// giveLane gives a lane back that has no file open.
func (s *Session) giveLane(l *lane) {
	set := &s.lanes
	set.mu.Lock()
	if set.users > 0 {
		set.free <- l
		set.mu.Unlock()
		return
	}
	set.mu.Unlock()
	s.endLane(l)
}

// endLane closes a lane's channel; what it still reads ends with that or with the
// connection.
func (s *Session) endLane(l *lane) {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	s.end(l)
}

func (s *Session) end(l *lane) {
	s.lanes.open--
	if !s.lanes.closed {
		s.wg.Go(func() { l.channel.Close() })
	}
}

// closeLanes closes the lanes if nobody uses them.
func (s *Session) closeLanes() {
	set := &s.lanes
	set.mu.Lock()
	defer set.mu.Unlock()
	for set.users == 0 && len(set.free) > 0 {
		s.end(<-set.free)
	}
}

// stopLanes lets no further lane begin: the connection is gone.
func (s *Session) stopLanes() {
	set := &s.lanes
	set.mu.Lock()
	defer set.mu.Unlock()
	set.closed = true
	if set.idle != nil {
		set.idle.Stop()
	}
}

// startLane runs f in a goroutine of the session, unless that is being closed.
func (s *Session) startLane(f func()) bool {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	if !s.lanes.closed {
		s.wg.Go(f)
	}
	return !s.lanes.closed
}

// abandon takes what a lane was copying away from it, and what it has copied too
// if that is in doubt. The lane writes nothing from then on.
func (l *lane) abandon(c *Transfer, m *Meter, doubt bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	for at := range l.claimed {
		c.again(at)
	}
	if !doubt {
		return
	}
	for _, at := range l.copied {
		m.Add(-c.length(at))
		c.again(at)
	}
}

// run copies what c hands out, and is over when nothing is left.
func (l *lane) run(ctx context.Context, w *wide, c *Transfer, m *Meter) error {
	if err := l.open(w); err != nil {
		return err
	}
	c.lanes.Store(true)
	for {
		if err := l.fill(ctx, c, m); err != nil {
			return err
		}
		if len(l.calls) == 0 {
			break
		}
		if err := l.take(c, m); err != nil {
			return err
		}
	}
	return l.check(w)
}

// fill asks for more until enough is under way.
func (l *lane) fill(ctx context.Context, c *Transfer, m *Meter) error {
	for l.asked < laneWindow {
		at, ok, err := l.claim(ctx, c)
		if err != nil || !ok {
			return errors.Join(err, l.flush())
		}
		n := c.length(at)
		if err := m.Wait(ctx, n); err != nil {
			return err
		}
		for off := int64(0); off < n; off += int64(l.packet) {
			l.read(&call{off: c.from + at + off, want: int(min(int64(l.packet), n-off)), chunk: at})
		}
	}
	return l.flush()
}

func (l *lane) claim(ctx context.Context, c *Transfer) (at int64, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return 0, false, errSilentLane
	}
	if at, ok = c.claim(ctx); ok {
		l.claimed[at] = c.length(at)
	} else if c.failed() {
		err = errBroken
	}
	return at, ok, err
}

// take writes one answer to disk. One that is short is asked for again; none is the
// file's end, of which the handle itself shall tell.
func (l *lane) take(c *Transfer, m *Meter) error {
	k, err := l.next()
	if err != nil {
		return err
	}
	if k.kind != fxpData || len(k.data) == 0 {
		return errors.Join(ErrShort, refusal(k))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errSilentLane
	}
	if err := c.write(k.data, k.off); err != nil {
		c.finish(k.chunk, err)
		return err
	}
	n := len(k.data)
	if n < k.want {
		l.read(&call{off: k.off + int64(n), want: k.want - n, chunk: k.chunk})
	}
	if l.claimed[k.chunk] -= int64(n); l.claimed[k.chunk] == 0 {
		delete(l.claimed, k.chunk)
		l.copied = append(l.copied, k.chunk)
		c.finish(k.chunk, nil)
		m.Add(c.length(k.chunk))
	}
	return nil
}
