package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

const (
	sendLimit    = time.Minute
	mailWait     = 5 * time.Minute // for the mail to arrive
	before       = 20 * time.Second
	patience     = runner.DefaultNowPatience
	connectLimit = 20 * time.Second       // for the mailbox to be connected
	connectLook  = 100 * time.Millisecond // between two looks whether it is
	removeLimit  = 10 * time.Second       // for the mail to be taken out of the mailbox again
)

// A rehearsal is one drill under way.
type rehearsal struct {
	runner  *Runner
	cfg     *config.Config
	site    *config.Site
	mailbox string // by which; "": the site's
	wait    time.Duration
	tell    func(drill.Step) // may be called from several goroutines

	mu     sync.Mutex
	result drill.Result
}

// add says what a step has shown.
func (r *rehearsal) add(s drill.Step) {
	r.mu.Lock()
	s.At = time.Now().UTC().Round(time.Millisecond)
	s.AfterS = s.At.Sub(r.result.Began).Round(time.Millisecond).Seconds()
	s.What, s.Hint = redact.Foreign(s.What, 600), redact.Foreign(s.Hint, 600)
	r.result.Steps = append(r.result.Steps, s)
	r.mu.Unlock()
	r.tell(s)
}

func (r *rehearsal) pass(step, what string) { r.add(drill.Step{Step: step, OK: true, What: what}) }

// fail says that a step failed; its hint is the error's.
func (r *rehearsal) fail(step string, err error) {
	r.add(drill.Step{Step: step, What: err.Error(), Hint: advice.For(err)})
}

func (r *rehearsal) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
}

// perform goes through the steps until one fails; the error is that it could not be gone on
// with at all, as when ctx has ended. What was made is removed.
func (r *rehearsal) perform(ctx context.Context) error {
	m, err := Compose(r.cfg, r.site, r.mailbox, time.Now())
	if advice.Exit(err) == advice.BadUsage {
		return err
	}
	if err != nil {
		r.fail(drill.StepSent, err)
		return nil
	}
	if err := r.watched(ctx, m.box.Name); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.fail(drill.StepArrived, err)
		return nil
	}
	until, err := r.runner.Mails.Nonces.Issue(m.Mark, r.site.Name, m.Said)
	if err != nil {
		return err
	}
	seen, end := r.runner.Mails.Await(m.Mark)
	defer end()

	how, put, server, err := m.send(ctx, r.cfg, r.runner.Tokens)
	defer r.takeOut(ctx, put, server)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		r.fail(drill.StepSent, err)
		return nil
	}
	r.pass(drill.StepSent, how)

	alert, err := r.arrival(ctx, seen, until)
	if alert.ID == "" {
		return err
	}
	defer r.drop(alert.ID)
	if err != nil || !r.lastOK() {
		return err
	}
	return r.grab(ctx, alert)
}

// watched waits until a folder of the mailbox is connected. While none is no mail is sent:
// it could come so late that it would be an alert.
func (r *rehearsal) watched(ctx context.Context, mailbox string) error {
	look := time.NewTicker(connectLook)
	defer look.Stop()
	for limit := time.Now().Add(min(r.wait, connectLimit)); ; {
		why := errors.New("it is not connected yet")
		for _, b := range r.runner.Boxes() {
			switch {
			case b.Mailbox != mailbox:
			case b.State.Connected:
				return nil
			case b.State.Err != nil:
				why = b.State.Err
			}
		}
		if time.Now().After(limit) {
			return advice.WithHint(fmt.Errorf("no mail was sent, for mailbox %s is not watched: %w", mailbox, why), "`grab status` says what is wrong with the mailbox")
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lastOK reports whether the last step went well.
func (r *rehearsal) lastOK() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result.Steps[len(r.result.Steps)-1].OK
}

// allOK reports whether all steps so far went well.
func (r *rehearsal) allOK() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result.Failed().Step == ""
}

// arrival waits until the mail is recognised, or not, or does not come. The alert's ID is
// empty if its mail is not on disk.
func (r *rehearsal) arrival(ctx context.Context, seen <-chan Sighting, until time.Time) (evidence.Alert, error) {
	late := time.NewTimer(r.wait)
	defer late.Stop()
	arrived := false
	for {
		select {
		case <-ctx.Done():
			return evidence.Alert{}, context.Cause(ctx)
		case <-late.C:
			r.missing(arrived, until)
			return evidence.Alert{}, nil
		case s := <-seen:
			if s.Step.Step == drill.StepArrived && s.OK && arrived {
				continue // a further copy
			}
			arrived = true
			r.add(s.Step)
			if s.Alert.ID != "" || !s.OK {
				return s.Alert, nil
			}
		}
	}
}

// missing says that the mail did not come in time, and what may be the cause.
func (r *rehearsal) missing(arrived bool, until time.Time) {
	step, why := drill.StepArrived, "the mail did not come within "+human.Span(r.wait)
	if arrived {
		step, why = drill.StepRecognised, "the mail came, and was not taken within "+human.Span(r.wait)
	}
	hint := "check the spam folder, rules that move mails, the quota, and the mail server's queue"
	for _, b := range r.runner.Boxes() {
		if err := errors.Join(b.State.Err, b.State.Held); err != nil {
			why += "; mailbox " + b.Name + ": " + err.Error()
			hint = "`grab status` says what is wrong with the mailbox"
		}
	}
	r.add(drill.Step{Step: step, What: why, Hint: hint + "; if the mail comes after " + until.In(r.site.Zone()).Format("15:04:05 MST") + " it counts as an alert"})
}

// grab grabs for the alert as a drill, and verifies what was sealed.
func (r *rehearsal) grab(ctx context.Context, alert evidence.Alert) error {
	hosts := &hosts{rehearsal: r, held: map[string]bool{}, last: map[string]runner.Event{}}
	in, err := r.runner.NewRunner(hosts.event).Once(ctx, runner.Request{
		Kind: incident.KindDrill, Members: []incident.Member{{Alert: alert.ID, Time: alert.Time, Why: incident.WhyNews}},
		Site: wiring.SiteOf(r.site, r.site.Hosts), Asked: window(alert), Reason: "drill", By: r.result.By, Patience: patience,
	})
	if in.Key != "" {
		defer r.remove(in)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		r.fail(drill.StepSealed, err)
		return nil
	}
	if _, err := wiring.VerifyBundle(ctx, in.Bundle, in.ID, in.Revision); err != nil {
		r.fail(drill.StepVerified, err)
		return nil
	}
	r.pass(drill.StepVerified, "the bundle was read back: every file has the SHA-256 that it says")
	return nil
}

// remove removes the drill's incident and bundle.
func (r *rehearsal) remove(in incident.Incident) {
	if err := triage.EndDrill(r.runner.Journal, in); err != nil {
		r.runner.Log.Warn("cannot remove a drill", "incident", in.ID, "err", err)
		r.note("%s", redact.Foreign(err.Error(), 300))
	}
}

// drop removes the copy of the drill's mail.
func (r *rehearsal) drop(id string) {
	if err := triage.DropDrillMail(r.runner.Journal, id); err != nil {
		r.runner.Log.Warn("cannot remove the copy of a drill's mail", "err", err)
	}
}

// takeOut removes the mail from the mailbox that it was put into by the drill. Whoever has
// broken the drill off does not wait for it.
func (r *rehearsal) takeOut(ctx context.Context, put mailwatch.Appended, server mailwatch.Server) {
	if put.Mailbox == "" { // it went through smtp:, or nowhere
		return
	}
	take := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
		defer cancel()
		err := put.Remove(ctx, server)
		if err != nil {
			r.runner.Log.Warn("the mail of a drill stays in the mailbox", "mailbox", put.Mailbox, "uid", put.UID, "err", err)
		}
		return err
	}
	if ctx.Err() != nil {
		r.runner.wg.Go(func() { take() })
		return
	}
	if err := take(); err != nil {
		r.note("the drill's mail stays in the mailbox: %s", redact.Foreign(err.Error(), 300))
	}
}
