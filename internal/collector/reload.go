package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/redact"
)

// reloadWait bounds the wait for a reload: mailboxes and sessions are let go in it.
const reloadWait = 20 * time.Second

// Reloaded is what came of a reload that was asked for.
type Reloaded struct {
	Config   string   `json:"config"`   // the file
	Warnings []string `json:"warnings"` // what of it waits for a restart
}

// A reloadAsk waits for what comes of a reload. That of a signal is nil: nobody waits.
type reloadAsk struct{ done chan reloadResult }

// A reload is one that came through; ask is nil if a signal asked for it.
type reload struct {
	ask      *reloadAsk
	warnings []string
}

type reloadResult struct {
	Reloaded
	err error
}

func (a *reloadAsk) answer(r reloadResult) {
	if a != nil {
		a.done <- r // it has room for one
	}
}

// reload has the configuration read again and waits until it is in force, or refused.
func (c *configuration) reload(ctx context.Context) (Reloaded, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, reloadWait, fmt.Errorf("grab watch did not finish the reload within %s", human.Span(reloadWait)))
	defer cancel()
	a := &reloadAsk{make(chan reloadResult, 1)}
	select {
	case c.asks <- a:
	case <-ctx.Done():
		return Reloaded{}, context.Cause(ctx)
	}
	select {
	case r := <-a.done:
		return r.Reloaded, r.err
	case <-ctx.Done():
		return Reloaded{}, context.Cause(ctx)
	}
}

// A refusal is why the newest reload was refused, until one succeeds. It is safe for
// concurrent use.
type refusal struct {
	mu   sync.Mutex
	at   time.Time
	what string // stays in force
	err  error
}

// allStays is what stays where the file has faults; else it is a listener of the old one.
const allStays = "the old configuration stays in force"

// set notes what came of a reload; a nil error ends what was refused.
func (f *refusal) set(now time.Time, what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.what, f.err = now, what, err
}

// report adds that the newest reload was refused.
func (f *refusal) report(r *status.Report, file string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		return
	}
	fix := "fix that (`grab check --offline` names all of it)"
	if f.what != allStays {
		fix = "free the address or write another, or put the certificate right"
	}
	r.Add(status.Problem{Key: "reload", Since: f.at.UTC(), What: "the reload of " + file + " was refused, " + f.what + ": " + firstLines(f.err),
		Hint: fix + ", then `grab reload`; a restart would fail for the same reason"})
}

// firstLines are the first of an error that may have many.
func firstLines(err error) string {
	const shown = 3
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	more := len(lines) - shown
	if more > 0 {
		lines = lines[:shown]
	}
	for i, l := range lines {
		lines[i] = redact.Foreign(strings.TrimSpace(l), 300)
	}
	s := strings.Join(lines, "; ")
	if more > 0 {
		s += fmt.Sprintf("; and %d more", more)
	}
	return s
}

// serveReload answers POST /reload. Each reload lets all mailboxes go for a moment, so
// members of socket.group cannot ask for one.
func (s *server) serveReload(rw http.ResponseWriter, r *http.Request) {
	peer := control.PeerOf(r.Context())
	if peer.Known && !peer.Ours() {
		control.Fail(rw, http.StatusForbidden, control.Failure{Message: "only root and the user of grab watch may have it reload", Hint: "sudo grab reload, or systemctl reload grab", Exit: advice.Failed})
		return
	}
	s.log.Info("request", "what", "reload", "by", peer.String())
	done, err := s.reload(r.Context())
	switch {
	case err == nil:
		control.Answer(rw, done)
	case errors.Is(err, context.Canceled):
		control.Fail(rw, http.StatusServiceUnavailable, *s.failure(err))
	default:
		control.Fail(rw, http.StatusConflict, *s.failure(err))
	}
}
