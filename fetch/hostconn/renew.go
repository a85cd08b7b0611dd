package hostconn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pkg/sftp"
)

// errMute says that a connection stands and its channel for files does not: the peer's
// SFTP server has ended. Files that were open on it are gone with it.
var errMute = errors.New("the SFTP channel ended while the connection stands")

// A mute is whether a session's channel for files has ended, which leaves its connection
// to another session.
type mute struct {
	over  chan struct{} // closed then
	once  sync.Once
	given atomic.Bool // the connection is another session's now
	shut  atomic.Bool // the session itself is being closed: nothing ends by itself any more
	watch sync.WaitGroup
}

func (m *mute) end() {
	if !m.shut.Load() {
		m.once.Do(func() { close(m.over) })
	}
}

func (m *mute) close() { m.shut.Store(true) }

func (m *mute) err() error {
	select {
	case <-m.over:
		return errMute
	default:
		return nil
	}
}

// watchChannels notes when the peer ends a channel. The one for listings is opened anew
// by the next listing.
func (s *Session) watchChannels() {
	s.mute.watch.Go(func() {
		s.sftp.Wait()
		s.mute.end()
	})
	if s.folders.Client != s.sftp {
		s.watchFolders(s.folders.Client)
	}
}

func (s *Session) watchFolders(c *sftp.Client) {
	ended := &atomic.Bool{}
	s.folders.ended = ended
	s.mute.watch.Go(func() {
		c.Wait()
		ended.Store(true)
	})
}

// renewFolders opens the channel for listings anew if it has ended. Its caller has
// the turn.
func (s *Session) renewFolders() error {
	if s.folders.ended == nil || !s.folders.ended.Load() || s.Lost() != nil {
		return nil
	}
	r := &budgetReader{s: s}
	var c *sftp.Client
	err := s.guard(func() (err error) {
		c, err = s.newClient(r)
		return err
	})
	if err != nil { // the listing of a session that cannot list is that of another one
		s.mute.end()
		return fmt.Errorf("%w, and no other could be opened: %w", errMute, err)
	}
	s.folders.Close()
	s.folders.Client, s.folders.budget = c, r
	s.watchFolders(c)
	return nil
}

// renew is another session over the connection of one whose channel has ended: that costs
// no login. The connection is the new one's from then on; nil if there is none.
func (s *Session) renew(ctx context.Context) *Session {
	if !errors.Is(s.Lost(), errMute) || s.mute.given.Swap(true) {
		return nil
	}
	next, err := NewSession(ctx, s.ssh, s.allowed) // which ends the connection if that fails
	if err != nil {
		return nil
	}
	return next
}
