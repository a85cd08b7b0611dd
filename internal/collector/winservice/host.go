package winservice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rtmtgrab/internal/human"
)

// A state is that of a Windows service, with Windows' numbers.
type state uint32

const (
	stateStopped  state = 1
	stateStarting state = 2
	stateStopping state = 3
	stateRunning  state = 4
)

func (s state) String() string {
	switch s {
	case stateStopped:
		return "stopped"
	case stateStarting:
		return "starting"
	case stateStopping:
		return "stopping"
	case stateRunning:
		return "running"
	}
	return fmt.Sprintf("in state %d", uint32(s))
}

// A request is what the service manager asks of a running service.
type request int

const (
	askState request = iota
	askStop
	askReload
)

// A progress is what it is told. While a start or a stop goes on the check point
// grows, and hint says in what time it will again.
type progress struct {
	state state
	check uint32
	hint  time.Duration
}

const (
	checkEvery = 2 * time.Second  // between check points
	checkHint  = 15 * time.Second // what one of them promises
	stopLimit  = time.Minute      // after which a stop that does not end is given up
)

var errStuck = fmt.Errorf("it did not stop within %s; what was copied is safe, and work goes on at the next start", human.Span(stopLimit))

// Host stands between a watch and the service manager that runs it.
type Host struct {
	started chan struct{}
	once    sync.Once

	mu      sync.Mutex
	reloads chan<- struct{}
}

func newHost() *Host {
	return &Host{started: make(chan struct{})}
}

// Ready says that the watch has begun.
func (h *Host) Ready() {
	h.once.Do(func() { close(h.started) })
}

// OnReload passes the manager's requests to reload on to c, until stop is called.
func (h *Host) OnReload(c chan<- struct{}) (stop func()) {
	set := func(c chan<- struct{}) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.reloads = c
	}
	set(c)
	return func() { set(nil) }
}

func (h *Host) reload() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case h.reloads <- struct{}{}: // never of a nil channel
	default:
	}
}

// serve runs the watch and keeps the manager informed until it has ended. It is an
// error if it ends unasked.
func (h *Host) serve(requests <-chan request, tell func(progress), watch func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- watch(ctx) }()

	now := progress{state: stateStarting, check: 1, hint: checkHint}
	tell(now)
	beat := time.NewTicker(checkEvery)
	defer beat.Stop()

	started := h.started
	var stuck <-chan time.Time
	for {
		select {
		case err := <-done:
			if err == nil && ctx.Err() == nil {
				err = errors.New("grab watch ended")
			}
			return err
		case <-started:
			started = nil
			if now.state == stateStarting {
				now = progress{state: stateRunning}
			}
		case <-stuck:
			return errStuck
		case <-beat.C:
			if now.state == stateRunning {
				continue
			}
			now.check++
		case r := <-requests:
			switch {
			case r == askReload:
				h.reload()
			case r == askStop && now.state != stateStopping:
				now = progress{state: stateStopping, check: 1, hint: checkHint}
				stuck = time.After(stopLimit)
				cancel()
			}
		}
		tell(now)
	}
}

// awaitState asks for the service's state until it is want. One that is to run and
// stops instead has failed.
func awaitState(ctx context.Context, want state, ask func() (state, error)) error {
	ctx, cancel := context.WithTimeout(ctx, stateLimit+checkHint)
	defer cancel()

	for {
		is, err := ask()
		switch {
		case err != nil || is == want:
			return err
		case want == stateRunning && is == stateStopped:
			return errors.New("the service stopped right after its start")
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("the service is still %s: %w", is, context.Cause(ctx))
		case <-time.After(250 * time.Millisecond):
		}
	}
}
