package fetch

import (
	"errors"
	"sync"

	"rtmtgrab/fetch/hostconn"
)

// sideBySide works at all families at once. One at a time has the Grab to itself,
// and lets another have it while it waits for the host or the disk.
func (g *Grab) sideBySide(f func(i int, family string) error) error {
	errs := make([]error, len(g.Host.Families))
	g.turn = &sync.Mutex{}
	defer func() { g.turn = nil }()
	hostconn.Each(len(errs), len(errs), func(i int) {
		g.turn.Lock()
		defer g.turn.Unlock()
		errs[i] = f(i, g.Host.Families[i])
	})
	return errors.Join(errs...)
}

// waiting runs f, which must not touch the Grab, while others have their turn.
func (g *Grab) waiting(f func()) {
	if g.turn == nil {
		f()
		return
	}
	g.turn.Unlock()
	defer g.turn.Lock()
	f()
}

// within runs f, which may touch the Grab, beside one that is waiting.
func (g *Grab) within(f func()) {
	if g.turn != nil {
		g.turn.Lock()
		defer g.turn.Unlock()
	}
	f()
}
