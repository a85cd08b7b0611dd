package mailwatch

import (
	"testing"
	"time"
)

// TestPositionOfTheFuture: a cursor that began while the clock was years ahead comes back to the mails'
// times with the first mail, for after a renumbering it tells from when on they are read.
func TestPositionOfTheFuture(t *testing.T) {
	now := time.Now().UTC()
	p := position{cur: Cursor{UID: 6, LastInternal: now.Add(26280 * time.Hour), Began: true}, store: CursorStore{Save: func(Cursor) error { return nil }}}
	if last := p.lastInternal(now); last.After(now) {
		t.Errorf("mails would be read from %v on", last)
	}
	came := now.Add(-time.Minute)
	p.pass(meta{uid: 7, internal: came})
	if p.cur.UID != 7 || !p.cur.LastInternal.Equal(came) || p.cur.Began {
		t.Errorf("%+v", p.cur)
	}
	p.pass(meta{uid: 8, internal: came.Add(-time.Hour)}) // out of order
	if p.cur.UID != 8 || !p.cur.LastInternal.Equal(came) {
		t.Errorf("%+v", p.cur)
	}
}
