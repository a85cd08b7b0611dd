package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/redact"
)

// maxAttempts bounds what is kept of a host's attempts; the newest go on.
const maxAttempts = 200

// record takes up what came of a pass, and saves it.
func (u *run) record(ctx context.Context, h *hostRun, w evidence.Window, result evidence.Host, err error, began time.Time) {
	if result.Host == "" {
		result = u.lacking(h, w)
	}
	if errors.Is(err, ErrStopped) {
		result = unfinished(result)
	}
	result = named(result, h.ref, err)
	a := incident.Attempt{Began: began.UTC().Round(0), Ended: u.r.now().UTC().Round(0), What: "pass"}
	if err != nil {
		a.Error = result.Error
	}
	again := u.failedBefore(h, a.Error)
	all := u.addAttempt(h, w, result, a, err)
	u.save(ctx, h)
	u.report(ctx, h, result, err, again)
	if all {
		u.firstPass()
	}
}

// unfinished is a result that somebody cut short: of a host that was let go no one can say
// that it did not answer.
func unfinished(result evidence.Host) evidence.Host {
	result.Files = slices.Clone(result.Files)
	for i := range result.Files {
		f := &result.Files[i]
		f.Missing = slices.Clone(f.Missing)
		for j := range f.Missing {
			if f.Missing[j].Reason == evidence.ReasonUnreachable {
				f.Missing[j].Reason = evidence.ReasonToCome
			}
		}
	}
	return result
}

// named is a result with what the configuration says of the host, and the error.
func named(result evidence.Host, ref incident.HostRef, err error) evidence.Host {
	result.Host, result.Role = ref.Name, ref.Role
	if result.Address == "" {
		result.Address = ref.Address
	}
	if err != nil {
		result.Error = redact.Foreign(errorText(result.Error, err), 500)
	}
	return result
}

// addAttempt puts a pass into the host's state, and reports whether every host was
// asked now.
func (u *run) addAttempt(h *hostRun, w evidence.Window, result evidence.Host, a incident.Attempt, err error) (all bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := &h.state
	s.Result, s.Judged, h.saved = result, w, false
	s.Attempts = append(slices.Clone(s.Attempts), a)
	if n := len(s.Attempts); n > maxAttempts {
		s.Attempts = slices.Delete(s.Attempts, 1, n-maxAttempts+1)
	}
	if err == nil && s.Copied.IsZero() {
		s.Copied = a.Ended
		if !h.copied.IsZero() { // what follows is reading it back
			s.Copied = h.copied.UTC().Round(0)
		}
	}
	h.tried = true
	return !slices.ContainsFunc(u.hosts, func(h *hostRun) bool { return !h.tried })
}

// untilTried waits until every host was asked once, and is how long to wait then.
func (u *run) untilTried(ctx context.Context) time.Duration {
	for {
		u.mu.Lock()
		open := slices.ContainsFunc(u.hosts, func(h *hostRun) bool { return !h.tried })
		u.mu.Unlock()
		if !open || !sleep(ctx, tailLeast, nil) {
			return 0
		}
	}
}

// lacking is the result of a host from which nothing came, not even a result: what an
// earlier pass got stays.
func (u *run) lacking(h *hostRun, w evidence.Window) evidence.Host {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h.state.Result.Host != "" {
		return manifest.Stretched(h.state.Result, h.state.Judged, w)
	}
	none := evidence.Host{Host: h.ref.Name, Role: h.ref.Role, Address: h.ref.Address, ClockFrom: "none"}
	return evidence.Lacking(none, u.families, w, evidence.ReasonUnreachable)
}

// failedBefore reports whether the attempt before, of this run, failed for the same cause.
func (u *run) failedBefore(h *hostRun, cause string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(h.state.Attempts)
	return h.tried && cause != "" && n > 0 && h.state.Attempts[n-1].Error == cause
}

// report logs why a host failed, once for as long as it fails for the same cause.
func (u *run) report(ctx context.Context, h *hostRun, result evidence.Host, err error, again bool) {
	u.tell(Event{What: EventPass, Host: h.ref.Name, Result: &result, Coverage: result.Coverage, Err: err, Again: again})
	if err != nil && ctx.Err() == nil {
		level := slog.LevelWarn
		if again {
			level = slog.LevelDebug
		}
		u.r.log().Log(ctx, level, "host incomplete", "incident", u.id, "host", h.ref.Name, "coverage", result.Coverage, "final", permanent(err), "err", result.Error)
	}
}

// errorText is the result's own words if it has some, for they say more than the error.
func errorText(own string, err error) string {
	switch {
	case errors.Is(err, ErrStopped):
		return ErrStopped.Error() // what it was stopped in says nothing of the host
	case errors.Is(err, errPatience):
		return human.OneLine(err)
	}
	if own != "" {
		return human.OneLine(errors.New(own))
	}
	return human.OneLine(err)
}

func (u *run) markHeld(h *hostRun, at time.Time) {
	u.mu.Lock()
	first := h.state.Held.IsZero()
	if first {
		h.state.Held = at.UTC().Round(0)
	}
	u.mu.Unlock()
	if first {
		u.tell(Event{What: EventHeld, Host: h.ref.Name})
	}
}

// save writes a host's state. An error other than a full disk is logged; the state
// is written again before the incident is frozen.
func (u *run) save(ctx context.Context, h *hostRun) {
	if err := u.write(ctx, h); err != nil && ctx.Err() == nil {
		u.r.log().Error("cannot save the host's result yet; retrying", "incident", u.id, "host", h.ref.Name, "err", err)
	}
}

func (u *run) write(ctx context.Context, h *hostRun) error {
	u.mu.Lock()
	state, saved := h.state, h.saved
	u.mu.Unlock()
	if saved {
		return nil
	}
	if err := u.room.retry(ctx, func() error { return u.r.Store.SaveHost(u.key, h.ref.Name, state) }); err != nil {
		return err
	}
	u.mu.Lock()
	h.saved = true
	u.mu.Unlock()
	return nil
}

// firstPass says once that every host was asked once.
func (u *run) firstPass() {
	u.once.Do(func() {
		u.mu.Lock()
		var parts []evidence.Coverage
		for _, h := range u.hosts {
			parts = append(parts, h.state.Result.Coverage)
		}
		u.mu.Unlock()
		w, _, _ := u.target.current()
		u.tell(Event{What: EventFirstPass, Window: w, Coverage: evidence.Sum(parts...)})
	})
}

// states are all hosts' states, in the site's order.
func (u *run) states() []incident.HostState {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []incident.HostState
	for _, h := range u.hosts {
		all = append(all, h.state)
	}
	return all
}

func (u *run) newPuller(host string) (Puller, error) {
	dir := u.r.Store.Slices(u.key, host)
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, err
	}
	return u.r.NewPuller(u.site, host, dir)
}

// open gives one slice to the sealer.
func (u *run) open(host, family string) (io.ReadCloser, error) {
	for _, h := range u.hosts {
		if h.ref.Name != host {
			continue
		}
		if h.puller == nil {
			p, err := u.newPuller(host)
			if err != nil {
				return nil, err
			}
			h.puller = p
		}
		return h.puller.Open(family)
	}
	return nil, fmt.Errorf("no host %q", host)
}

// closePullers lets go of all hosts at once: each answers a round trip later.
func (u *run) closePullers() {
	var wg sync.WaitGroup
	for _, h := range u.hosts {
		wg.Go(h.close)
	}
	wg.Wait()
}

// close lets go of the host; what was copied stays, and it may be asked again.
func (h *hostRun) close() {
	if h.puller == nil {
		return
	}
	if err := h.puller.Close(); err != nil {
		h.run.r.log().Debug("error while closing the host", "incident", h.run.id, "host", h.ref.Name, "err", err)
	}
	h.puller = nil
}

// waitedEnough reports whether there is no use in waiting for room any longer, once patience is
// over: old bundles could make some, but they are pinned or not delivered, and something was copied that is
// worth being sealed. Who has nothing holds on to the files: there may be room before they are let go.
func (u *run) waitedEnough() bool {
	k := u.r.Kept()
	return k.Pinned.Bytes+k.Undelivered.Bytes > 0 && slices.ContainsFunc(u.hosts, func(h *hostRun) bool { return h.bytes() > 0 })
}
