package hostconn_test

import (
	"sync"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/sshdial"
)

// A keeper tells of its session: up with the host's key and clock, down with the
// reason, up again, and that it has ended.
func TestKeeperState(t *testing.T) {
	w := newWarmHost(t)
	var mu sync.Mutex
	var told []hostconn.KeeperState
	seen := func(what string, is func(hostconn.KeeperState) bool) {
		t.Helper()
		w.until(what, func() bool {
			mu.Lock()
			defer mu.Unlock()
			for i, s := range told {
				if is(s) {
					told = told[i+1:]
					return true
				}
			}
			return false
		})
	}
	w.state = func(s hostconn.KeeperState) { mu.Lock(); told = append(told, s); mu.Unlock() }
	stop := w.keep(soon)
	seen("running", func(s hostconn.KeeperState) bool { return s.Running && !s.Up && s.Err == nil })
	seen("up", func(s hostconn.KeeperState) bool { return s.Up && s.Running && len(s.HostKey) > 10 && s.Clock == nil })
	seen("its clock", func(s hostconn.KeeperState) bool { return s.Up && s.Clock != nil && s.Clock.Abs() < time.Minute })
	w.SetAuthorizedKeys()
	w.Restart()
	seen("lost", func(s hostconn.KeeperState) bool { return s.Running && !s.Up && s.Err != nil })
	seen("refused", func(s hostconn.KeeperState) bool {
		e, ok := s.Err.(*sshdial.Error)
		return ok && s.Running && !s.Up && (e.Kind == sshdial.KindLoginRefused || e.Kind == sshdial.KindLoginBlocked)
	})
	stop()
	seen("ended", func(s hostconn.KeeperState) bool { return !s.Running })
}
