package proof

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/redact"
)

const (
	tick     = 10 * time.Second // between two looks at the clock
	gap      = 3 * tick         // a look that comes so much later: the machine slept
	resend   = time.Minute      // after a canary could not be sent
	refused  = 10 * time.Minute // after its login was refused: servers lock accounts
	leastRun = time.Minute      // that a canary has after the mailbox came back
)

// A Canary sends a mail to a mailbox every so often and misses those that do not
// come back through the mailbox's watcher. Nothing is sent while the mailbox is
// down, and no time counts that the mailbox was down, or that this machine slept.
type Canary struct {
	Mailbox     string // its name
	Every, Late time.Duration
	Key         Key
	File        string                             // where its state is kept
	Send        func(context.Context, Token) error // sends one
	Log         *slog.Logger

	wake   chan struct{} // the mailbox is up again
	mu     sync.Mutex
	up     bool
	state  canaryState
	waited time.Duration // for the newest one, as far as it counts
	failed time.Time     // of sending; zero: not
	denied bool          // its login was refused
}

// canaryState is what is kept on disk.
type canaryState struct {
	Serial  int64     `json:"serial"` // of the newest that was sent, or about to be
	Sent    time.Time `json:"sent,omitzero"`
	Seen    int64     `json:"seen"` // the highest serial that came back
	SeenAt  time.Time `json:"seen_at,omitzero"`
	DelayS  float64   `json:"delay_s"`  // of that one
	ServerS float64   `json:"server_s"` // from its sending to INTERNALDATE, by two clocks
	Missing time.Time `json:"missing,omitzero"`
	Error   string    `json:"error,omitempty"`
}

func (c *Canary) file() atomicfile.JSON[canaryState] {
	return atomicfile.JSON[canaryState]{Path: c.File}
}

// Load reads what was kept. It is called before anything else.
func (c *Canary) Load() error {
	c.wake = make(chan struct{}, 1)
	state, _, err := c.file().Recover(c.Log)
	c.state = state
	if state.Error != "" { // the newest was never sent
		c.failed = time.Now().Add(-resend)
	}
	return err
}

// Up tells whether the mailbox is watched at the moment.
func (c *Canary) Up(up bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if up && !c.up {
		c.waited = max(0, min(c.waited, c.Late-leastRun))
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
	c.up = up
}

// Run sends canaries and misses them until ctx ends.
func (c *Canary) Run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for last := time.Now(); ; {
		if c.look(last, time.Now()) {
			c.send(ctx)
		}
		last = time.Now()
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-t.C:
		}
	}
}

// look judges the time from the last look to now, and reports whether a canary is
// to be sent.
func (c *Canary) look(last, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ran, wall := now.Sub(last), now.Round(0).Sub(last.Round(0))
	pending := c.state.Serial > c.state.Seen && c.failed.IsZero()
	switch {
	case !c.up:
		return false
	case ran > gap || wall > ran+gap || wall < ran-gap: // the machine slept, or its clock was set
		c.waited = 0
	case pending:
		c.waited += ran
	}
	if pending && c.waited >= c.Late && c.state.Missing.IsZero() {
		c.state.Missing = now.UTC().Round(0)
		c.save()
		c.log().Error("canary missing: mails do not reach this mailbox, or arrive late", "mailbox", c.Mailbox, "sent", c.state.Sent, "late", c.Late)
	}
	if !c.failed.IsZero() {
		return now.Sub(c.failed) >= c.pause()
	}
	since := now.Round(0).Sub(c.state.Sent)
	return since >= c.Every || since < -tick // the clock was set back
}

// pause is how long no other is sent after one that could not be.
func (c *Canary) pause() time.Duration {
	if c.denied {
		return refused
	}
	return resend
}

// loginRefused is of an error that is a refused login, as package smtpout has it.
func loginRefused(err error) bool {
	e, ok := errors.AsType[interface {
		error
		LoginRefused() bool
	}](err)
	return ok && e.LoginRefused()
}

// send sends the next one. Its serial is on disk before.
func (c *Canary) send(ctx context.Context) {
	c.mu.Lock()
	now := time.Now().UTC().Round(time.Millisecond)
	t := Token{Mailbox: c.Mailbox, Serial: max(c.state.Serial+1, now.Unix()), Sent: now}
	c.state.Serial, c.state.Sent, c.waited = t.Serial, now, 0
	c.save()
	c.failed = time.Time{}
	c.mu.Unlock()
	err := c.Send(ctx, t)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied = loginRefused(err)
	switch {
	case err == nil:
		if c.state.Error != "" {
			c.log().Info("canary can be sent again", "mailbox", c.Mailbox)
		}
		c.state.Error = ""
	case ctx.Err() != nil:
		c.state.Sent = time.Time{} // another at the next start
	default:
		if c.state.Error == "" {
			c.log().Warn("cannot send the canary", "mailbox", c.Mailbox, "err", err)
		}
		c.failed, c.state.Error = time.Now(), redact.Foreign(err.Error(), 300)
	}
	c.save()
}

// Arrived notes a canary that the watcher saw; internal is the server's time. One
// that is not newer than the last proves nothing.
func (c *Canary) Arrived(t Token, internal, seen time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Serial <= c.state.Seen || t.Serial > c.state.Serial {
		c.log().Debug("an old canary", "mailbox", c.Mailbox, "serial", t.Serial, "sent", t.Sent)
		return
	}
	delay := max(0, seen.Round(0).Sub(t.Sent))
	c.state.Seen, c.state.SeenAt, c.state.DelayS = t.Serial, seen.UTC().Round(0), delay.Seconds()
	c.state.ServerS = internal.Sub(t.Sent).Seconds()
	if !c.state.Missing.IsZero() && (delay <= c.Late || t.Serial == c.state.Serial) {
		c.log().Info("canary arrived again", "mailbox", c.Mailbox, "delay", delay.Round(time.Millisecond), "missed_for", seen.Round(0).Sub(c.state.Missing).Round(time.Second))
		c.state.Missing = time.Time{}
	}
	c.log().Debug("canary", "mailbox", c.Mailbox, "delay", delay)
	c.save()
}

// Report adds the canary, and its problems, to a report.
func (c *Canary) Report(r *status.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	r.Canaries = append(r.Canaries, status.Canary{Mailbox: c.Mailbox, Every: c.Every.Seconds(), Sent: s.Sent, Seen: s.SeenAt, DelayS: s.DelayS, Missing: !s.Missing.IsZero(), Error: s.Error})
	if !s.Missing.IsZero() {
		last := "none ever arrived"
		if !s.SeenAt.IsZero() {
			last = fmt.Sprintf("the last arrived %s, after %s", s.SeenAt.UTC().Format("2006-01-02 15:04:05 UTC"), human.Span(time.Duration(s.DelayS*float64(time.Second)).Round(time.Second)))
		}
		r.Add(status.Problem{Key: "canary/" + c.Mailbox, Since: s.Missing, Blocks: true,
			What: fmt.Sprintf("the canary to mailbox %s did not arrive within %s; %s", c.Mailbox, human.Span(c.Late), last),
			Hint: "send a mail to the mailbox yourself; check the spam folder, rules that move mails, the quota, and the mail server's queue"})
	}
	if s.Error != "" {
		since := s.Sent
		if !s.SeenAt.IsZero() {
			since = s.SeenAt
		}
		r.Add(status.Problem{Key: "canary/" + c.Mailbox + "/smtp", Since: since,
			What: fmt.Sprintf("cannot send a canary to mailbox %s, so nothing proves that mails arrive: %s", c.Mailbox, s.Error),
			Hint: "check smtp: with `grab check --notify`"})
	}
}

// save keeps the state; a canary is not worth more than a line if that fails.
func (c *Canary) save() {
	if err := c.file().Save(c.state); err != nil {
		c.log().Warn("cannot save the canary's state", "mailbox", c.Mailbox, "err", err)
	}
}

func (c *Canary) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.New(slog.DiscardHandler)
}
