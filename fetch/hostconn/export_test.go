package hostconn

import "time"

// What the tests of package hostconn_test see of this one: they let grabs work over it.

var RealConn = realConn

type Memory = memory

func (m *memory) Keep(h Host, entries []Entry) { m.remember(h, entries) }
func (m *memory) Known(h Host) []Entry         { return m.recall(h) }

func Share(s *Session, m *memory) Conn { return newShared(s, m, func(bool) {}) }

func (k *Keeper) SetWait(wait func(time.Duration) time.Duration) { k.wait = wait }

func (p *Pool) SetPatience(d time.Duration) { p.patience = d }

// Slots is how many hosts are in use.
func (p *Pool) Slots() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.slots)
}

// HoldSlot makes the test a user of a host's slot, so that it stays.
func (p *Pool) HoldSlot(key string) *Slot { return &Slot{p, key, p.enter(key)} }

type Slot struct {
	pool *Pool
	key  string
	slot *slot
}

func (s *Slot) Leave()               { s.pool.leave(s.key, s.slot, nil, false) }
func (s *Slot) Known(h Host) []Entry { return s.slot.memory.recall(h) }
func (s *Slot) Session() *Session    { return s.slot.session }
func (s *Slot) Dialing() bool        { return len(s.slot.turn) > 0 }

func (s *Session) Doubted() bool { return s.replaceTried }

// Calls is how many calls are under way.
func (s *Session) Calls() int {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return s.calls.n
}

// Ended reports whether the connection is closed.
func (s *Session) Ended() bool {
	select {
	case <-s.ssh.Done():
		return true
	default:
		return false
	}
}

// ChannelsUsed reports whether a file was copied over more than one channel.
func (s *Session) ChannelsUsed() bool { return s.channels.free != nil }
