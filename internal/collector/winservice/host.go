package winservice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A serviceState is that of a Windows service, with Windows' numbers.
type serviceState uint32

const (
	serviceStopped  serviceState = 1
	serviceStarting serviceState = 2
	serviceStopping serviceState = 3
	serviceRunning  serviceState = 4
)

func (s serviceState) String() string {
	switch s {
	case serviceStopped:
		return "stopped"
	case serviceStarting:
		return "starting"
	case serviceStopping:
		return "stopping"
	case serviceRunning:
		return "running"
	}
	return fmt.Sprintf("in state %d", uint32(s))
}

// A serviceRequest is what the service manager asks of a running service.
type serviceRequest int

const (
	askState serviceRequest = iota
	askStop
	askReload
)

// serviceProgress is what it is told. While a start or a stop goes on the check point
// grows, and hint says in what time it will again.
type serviceProgress struct {
	state serviceState
	check uint32
	hint  time.Duration
}

const (
	serviceBeat = 2 * time.Second  // between check points
	serviceHint = 15 * time.Second // what one of them promises
	stopLimit   = time.Minute      // after which a stop that does not end is given up
)

var errStuck = fmt.Errorf("it did not stop within %v; what was copied is safe, and goes on at the next start", stopLimit)

// Host stands between a watch and the service manager that runs it.
type Host struct {
	started chan struct{}
	once    sync.Once

	mu      sync.Mutex
	reloads chan<- struct{}
}

func newServiceHost() *Host {
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

// serve runs the watch and keeps the manager told of it until it has ended. It is an
// error if it ends unasked.
func (h *Host) serve(requests <-chan serviceRequest, tell func(serviceProgress), watch func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- watch(ctx) }()
	now := serviceProgress{state: serviceStarting, check: 1, hint: serviceHint}
	tell(now)
	beat := time.NewTicker(serviceBeat)
	defer beat.Stop()
	started := h.started
	var stuck <-chan time.Time
	for {
		select {
		case err := <-done:
			if err == nil && ctx.Err() == nil {
				err = errors.New("the watch ended by itself")
			}
			return err
		case <-started:
			started = nil
			if now.state == serviceStarting {
				now = serviceProgress{state: serviceRunning}
			}
		case <-stuck:
			return errStuck
		case <-beat.C:
			if now.state == serviceRunning {
				continue
			}
			now.check++
		case r := <-requests:
			switch {
			case r == askReload:
				h.reload()
			case r == askStop && now.state != serviceStopping:
				now = serviceProgress{state: serviceStopping, check: 1, hint: serviceHint}
				stuck = time.After(stopLimit)
				cancel()
			}
		}
		tell(now)
	}
}

// awaitState asks for the service's state until it is want. One that is to run and
// stops instead has failed.
func awaitState(ctx context.Context, want serviceState, ask func() (serviceState, error)) error {
	ctx, cancel := context.WithTimeout(ctx, serviceWait+serviceHint)
	defer cancel()
	for {
		is, err := ask()
		switch {
		case err != nil || is == want:
			return err
		case want == serviceRunning && is == serviceStopped:
			return errors.New("the service stopped again")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the service is still %s: %w", is, context.Cause(ctx))
		case <-time.After(250 * time.Millisecond):
		}
	}
}
