package hostconn

import "time"

// A KeeperState says how a Keeper's session is.
type KeeperState struct {
	Running bool           // the Keeper works; otherwise nothing else is set
	Up      bool           // the session stands
	Err     error          // why it does not; nil before the first attempt
	HostKey string         // fingerprint, while it stands
	Clock   *time.Duration // host minus collector; nil if it is not known

	ClockErr error         // why it could not be measured now; nil before it was tried
	Doubt    time.Duration // by how much Clock may be wrong either way
}

// report passes a state on.
func (k *Keeper) report(s KeeperState) {
	if k.State != nil {
		k.State(s)
	}
}

// reportUp reports a session that is up, and of the clock as far as it was measured.
func (k *Keeper) reportUp(conn *shared, clockErr error) {
	s := KeeperState{Running: true, Up: true, HostKey: conn.HostKey(), ClockErr: clockErr}
	if offset, doubt, ok := conn.memory.clock(conn.Session, time.Now()); ok {
		s.Clock, s.Doubt = &offset, doubt
	}
	k.report(s)
}

// reportDown reports a session that was lost.
func (k *Keeper) reportDown(conn *shared) {
	k.report(KeeperState{Running: true, Err: conn.Lost()})
}
