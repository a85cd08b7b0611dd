package hostconn_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testserver"
)

// frozenHost is a warm host on whose session a grab holds the files, and that has
// fallen silent. Nothing but silence of 30 s ends the session.
func frozenHost(t *testing.T) (w *warmHost, stop func(), holds *fetch.Grab, asked evidence.Window) {
	w = newWarmHost(t)
	w.dial.KeepAlive = time.Hour
	w.pool.SetPatience(200 * time.Millisecond)
	stop = w.keep(soon)
	w.warm()
	holds = w.grab()
	asked = evidence.NewWindow(w.now.Add(-30*time.Minute), w.now)
	if _, err := holds.Pass(t.Context(), asked, nil); err != nil {
		t.Fatal(err)
	}
	w.Freeze()
	return w, stop, holds, asked
}

// The warm session's host has fallen silent just before the alert: the pass goes on
// over another one, without waiting until that is given up, after one more login. What
// is held on the old one stays held, and when all have left, none is left open.
func TestReplaceSilent(t *testing.T) {
	w, stop, holds, asked := frozenHost(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	old := w.slot.Session()
	a, b := w.grab(), w.grab()
	done := make(chan error, 1)
	go func() {
		_, err := b.Pass(t.Context(), asked, nil)
		done <- err
	}()
	row, err := a.Pass(t.Context(), asked, nil)
	if err != nil || row.Coverage != evidence.Complete {
		t.Errorf("%v %s", err, row.Coverage)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := w.logins(); n != 2 || old.Lost() != nil {
		t.Errorf("%d logins; the old session: %v", n, old.Lost())
	}
	w.Thaw()
	if row, err := holds.Pass(t.Context(), asked, nil); err != nil || row.Coverage != evidence.Complete || w.logins() != 2 {
		t.Errorf("what is held on the old one: %v %s, %d logins", err, row.Coverage, w.logins())
	}
	for _, g := range []*fetch.Grab{a, b, holds} {
		g.Close()
	}
	w.until("the old session is closed", func() bool {
		return old.Ended()
	})
	stop()
	w.until("the new one too", func() bool {
		return w.pool.Slots() == 0
	})
}

// There is no other: the login is refused, and not tried again. The old session
// answers in the end, and is used.
func TestReplaceRefused(t *testing.T) {
	w, _, holds, asked := frozenHost(t)
	defer holds.Close()
	w.SetAuthorizedKeys()
	a, b := w.grab(), w.grab()
	done := make(chan error, 2)
	for _, g := range []*fetch.Grab{a, b} {
		go func() {
			row, err := g.Pass(context.WithoutCancel(t.Context()), asked, nil)
			if row.Coverage != evidence.Complete {
				t.Errorf("%s", row.Coverage)
			}
			done <- err
		}()
	}
	w.WaitLog("Connection closed by authenticating user", 1)
	w.until("the second has tried, too", func() bool { return !w.slot.Dialing() && w.slot.Session().Doubted() })
	w.Thaw()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n, refused := w.logins(), strings.Count(w.Log(), "Connection closed by authenticating user"); n != 1 || refused != 1 {
		t.Errorf("%d logins, %d were refused", n, refused)
	}
	w.SetAuthorizedKeys(testserver.AuthorizedKey(w.key.Public, ""))
}
