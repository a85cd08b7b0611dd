package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/incident/runner"
)

const (
	mostWords = 1000            // words that wait for the screen; what comes then is not shown
	farewell  = 2 * time.Second // for what waits at the end
)

// A Display shows one grab. It is safe for concurrent use, and nobody waits for it but Close,
// for a moment.
type Display struct {
	now   func() time.Time
	words chan func(*screen)
	done  chan struct{} // closed when nothing is shown any more

	mu     sync.Mutex
	closed bool // words is
}

// New shows a grab on to, until Close, or for as long as to holds it.
func New(to io.Writer) *Display {
	d := &Display{now: time.Now, words: make(chan func(*screen), mostWords), done: make(chan struct{})}
	go d.run(newScreen(to))
	return d
}

func (d *Display) run(s *screen) {
	defer close(d.done)
	for show := range d.words {
		show(s)
	}
	s.endBars()
}

// tell has the screen show something, unless too much waits already.
func (d *Display) tell(show func(*screen)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	select {
	case d.words <- show:
	default:
	}
}

// Say writes a line above the bars.
func (d *Display) Say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	d.tell(func(s *screen) { s.say("%s", line) })
}

// Fetched says how much a host is about to give, then moves its bar.
func (d *Display) Fetched(f fetch.Progress) {
	at := d.now()
	d.tell(func(s *screen) { s.fetched(f, d.now, at) })
}

// Event says what a step came to.
func (d *Display) Event(e runner.Event) {
	now := d.now()
	d.tell(func(s *screen) { s.event(e, now) })
}

// Close ends the bars. It has to be called, also after a failure.
func (d *Display) Close() {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		close(d.words)
	}
	d.mu.Unlock()
	end := time.NewTimer(farewell)
	defer end.Stop()
	select {
	case <-d.done:
	case <-end.C:
	}
}
