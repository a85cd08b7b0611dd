package hostconn

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn/garbage"
)

const (
	channelCount = 4       // channels beside the first; one SSH channel carries 2 MiB in a round trip
	channelsFrom = 8 << 20 // bytes from which on channels are worth being opened
	channelIdle  = 5 * time.Second
	tailSize     = 4 << 10
)

// channelSilence is how long a channel may say nothing before it is asked whether the
// connection lives. A variable for the tests.
var channelSilence = 10 * time.Second

// channelPool is the channels of a session. They are opened when a big copy begins and
// closed a little after the last one ended.
type channelPool struct {
	mu     sync.Mutex
	free   chan *channel // of channelCount
	open   int           // those that are being opened too
	most   int           // how many the host allows
	users  int
	closed bool
	idle   *time.Timer
}

// useChannels returns where channels come from as they become free. They are opened
// beside whatever is going on; a host that allows fewer gets by with fewer.
func (s *Session) useChannels() <-chan *channel {
	set := &s.channels
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.free == nil {
		set.free, set.most = make(chan *channel, channelCount), channelCount
		set.idle = time.AfterFunc(time.Hour, s.closeChannels)
	}
	set.idle.Stop()
	if set.users++; set.users == 1 {
		garbage.Relax(1)
	}
	for set.open < set.most && !set.closed {
		set.open++
		s.calls.Go(s.addChannel)
	}
	return set.free
}

func (s *Session) leaveChannels() {
	set := &s.channels
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.users--; set.users > 0 {
		return
	}
	garbage.Relax(-1)
	if !set.closed {
		set.idle.Reset(channelIdle)
	}
}

func (s *Session) addChannel() {
	l, err := s.openChannel()
	if err == nil {
		s.giveChannel(l)
		return
	}
	set := &s.channels
	set.mu.Lock()
	defer set.mu.Unlock()
	set.open--
	set.most = min(set.most, set.open)
}

func (s *Session) openChannel() (*channel, error) {
	c, err := s.ssh.NewSession()
	if err != nil {
		return nil, err
	}
	var l *channel
	w, err := c.StdinPipe()
	if err == nil {
		var r io.Reader
		if r, err = c.StdoutPipe(); err == nil {
			if err = c.RequestSubsystem("sftp"); err == nil {
				if l, err = newChannel(c, &budgetReader{r: r, s: s}, w); err == nil {
					l.speed = s.speed
				}
			}
		}
	}
	if err != nil {
		c.Close()
	}
	return l, err
}

// giveChannel gives a channel back that has no file open.
func (s *Session) giveChannel(l *channel) {
	set := &s.channels
	set.mu.Lock()
	if set.users > 0 {
		set.free <- l
		set.mu.Unlock()
		return
	}
	set.mu.Unlock()
	s.endChannel(l)
}

// endChannel closes a channel's channel; what it still reads ends with that or with the
// connection.
func (s *Session) endChannel(l *channel) {
	s.channels.mu.Lock()
	defer s.channels.mu.Unlock()
	s.end(l)
}

func (s *Session) end(l *channel) {
	s.channels.open--
	if !s.channels.closed {
		s.calls.Go(func() { l.closer.Close() })
	}
}

// closeChannels closes the channels if nobody uses them.
func (s *Session) closeChannels() {
	set := &s.channels
	set.mu.Lock()
	defer set.mu.Unlock()
	for set.users == 0 && len(set.free) > 0 {
		s.end(<-set.free)
	}
}

// stopChannels lets no further channel begin: the connection is gone.
func (s *Session) stopChannels() {
	set := &s.channels
	set.mu.Lock()
	defer set.mu.Unlock()
	set.closed = true
	if set.idle != nil {
		set.idle.Stop()
	}
}

// startChannel runs f in a goroutine of the session, unless that is being closed.
func (s *Session) startChannel(f func()) bool {
	s.channels.mu.Lock()
	defer s.channels.mu.Unlock()
	if !s.channels.closed {
		s.calls.Go(f)
	}
	return !s.channels.closed
}

// abandon takes what a channel was copying away from it, and what it has copied too
// if that is in doubt. The channel writes nothing from then on.
func (l *channel) abandon(c *Transfer, m *Meter, doubt bool) {
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
func (l *channel) run(ctx context.Context, w *source, c *Transfer, m *Meter) error {
	defer l.rest()
	if err := l.open(w); err != nil {
		return err
	}
	c.fast.Store(true)
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
func (l *channel) fill(ctx context.Context, c *Transfer, m *Meter) error {
	for l.asked < channelWindow {
		at, ok, err := l.claim(ctx, c)
		if err != nil || !ok {
			return errors.Join(err, l.flush())
		}
		n := c.length(at)
		if len(l.calls) == 0 {
			l.rest()
		}
		l.queued.Store(true)
		err = m.Wait(ctx, n)
		l.queued.Store(false)
		if err != nil {
			return err
		}
		for off := int64(0); off < n; off += int64(l.packet) {
			l.read(&call{off: c.from + at + off, want: int(min(int64(l.packet), n-off)), chunk: at})
		}
	}
	return l.flush()
}

func (l *channel) claim(ctx context.Context, c *Transfer) (at int64, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return 0, false, errSilentChannel
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
func (l *channel) take(c *Transfer, m *Meter) error {
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
		return errSilentChannel
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
