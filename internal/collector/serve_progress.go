package collector

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/redact"
)

// Word is one word about progress, as it crosses the socket.
type Word struct {
	Say     string           `json:"say,omitempty"`
	Fetched *fetch.Progress  `json:"fetched,omitempty"`
	Event   *step            `json:"event,omitempty"`
	Finding *checkup.Finding `json:"finding,omitempty"`
	Drill   *drill.Step      `json:"drill,omitempty"`
	Columns int              `json:"columns,omitempty"` // of Finding: how wide the hosts' names are
}

// step is an runner.Event.
type step struct {
	What     string            `json:"what"`
	Incident string            `json:"incident,omitempty"`
	Host     string            `json:"host,omitempty"`
	Coverage evidence.Coverage `json:"coverage,omitempty"`
	Error    string            `json:"error,omitempty"`
	Stopped  bool              `json:"stopped,omitempty"` // Error is that somebody stopped the grab
	Until    time.Time         `json:"until,omitzero"`    // the window's end, of EventFirstPass
}

// An operation is work for a client.
type operation struct {
	progress func(word any)  // it never waits
	stop     <-chan struct{} // closed: end it early, with what there is
	by       string

	mu   sync.Mutex
	last map[string]time.Time // when each host's bytes were told
}

func (d *operation) say(format string, args ...any) {
	d.progress(Word{Say: fmt.Sprintf(format, args...)})
}

// fetchedEvery is how often a host's bytes are told.
const fetchedEvery = 200 * time.Millisecond

func (d *operation) fetched(p fetch.Progress) {
	d.mu.Lock()
	now := time.Now()
	tell := p.Done == 0 || p.Done >= p.Total || now.Sub(d.last[p.Host]) >= fetchedEvery
	if tell {
		d.last[p.Host] = now
	}
	d.mu.Unlock()
	if tell {
		d.progress(Word{Fetched: &p})
	}
}

func (d *operation) event(e runner.Event) {
	s := step{What: e.What, Incident: e.Incident, Host: e.Host, Coverage: e.Coverage}
	if e.What == runner.EventFirstPass {
		s.Until = e.Window.Until
	}
	if e.Err != nil {
		s.Error, s.Stopped = redact.Error(e.Err).Error(), errors.Is(e.Err, runner.ErrStopped)
	}
	d.progress(Word{Event: &s})
}

// Event is what was told.
func (s *step) Event() runner.Event {
	e := runner.Event{What: s.What, Incident: s.Incident, Host: s.Host, Coverage: s.Coverage}
	e.Window.Until = s.Until
	switch {
	case s.Stopped:
		e.Err = runner.ErrStopped
	case s.Error != "":
		e.Err = errors.New(s.Error)
	}
	return e
}
