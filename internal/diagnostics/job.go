package diagnostics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
)

// A job is the work at one incident. Its goroutine owns it; those of single appliances share the
// note, under mu.
type job struct {
	t       *Taker
	hosts   []Appliance
	resumed bool // an earlier process has begun it
	fresh   []fresh

	mu   sync.Mutex
	note Note
}

func (j *job) work(ctx context.Context) {
	if !j.resumed {
		j.begin(ctx)
	}
	j.orphans()
	if !j.watch(ctx) || !j.each(ctx, j.stop) || !j.sealed(ctx) || !j.each(ctx, j.fetch) {
		return // closed: the note has it
	}
	j.end()
}

// host is a copy of what is known of an appliance.
func (j *job) host(name string) Host {
	j.mu.Lock()
	defer j.mu.Unlock()
	if h := j.note.Hosts[name]; h != nil {
		return *h
	}
	return Host{}
}

// change changes what is known of an appliance, and writes it down.
func (j *job) change(name string, do func(*Host)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := Host{}
	if was := j.note.Hosts[name]; was != nil {
		h = *was
	}
	do(&h)
	j.note.Hosts[name] = &h
	err := j.t.save(j.note)
	if err != nil {
		j.t.log().Warn("how a diagnostic log stands cannot be written down", "incident", j.note.Incident, "host", name, "err", err)
	}
	return err
}

// each has something done with all appliances at once; false: the context ended.
func (j *job) each(ctx context.Context, do func(context.Context, Appliance)) bool {
	var wg sync.WaitGroup
	for _, a := range j.hosts {
		if j.host(a.Name).Phase != phaseDone {
			wg.Go(func() { do(ctx, a) })
		}
	}
	wg.Wait()
	return ctx.Err() == nil
}

// done ends the work at an appliance without its log.
func (j *job) done(a Appliance, why string, leftOn bool) {
	j.change(a.Name, func(h *Host) { h.Phase, h.Why, h.LeftOn = phaseDone, evidence.Printable(why, 400), leftOn })
	if leftOn {
		j.t.log().Warn("a diagnostic log was left running", "incident", j.note.Incident, "host", a.Name, "why", why)
	} else {
		j.t.log().Info("no diagnostic log", "incident", j.note.Incident, "host", a.Name, "why", why)
	}
	j.tell(a, j.row(a, evidence.DiagnosticNone), nil)
}

// orphans are appliances of an earlier process that are not configured any more.
func (j *job) orphans() {
	for name := range j.note.Hosts {
		known := false
		for _, a := range j.hosts {
			known = known || a.Name == name
		}
		if h := j.host(name); !known && h.Phase != phaseDone {
			started := h.Phase == phaseStarting || h.Phase == phaseStarted
			j.done(Appliance{Name: name}, "diagnostics: is not configured for it any more", started)
		}
	}
}

// row is what the manifest says of an appliance.
func (j *job) row(a Appliance, state string) evidence.Diagnostic {
	h := j.host(a.Name)
	return evidence.Diagnostic{Host: a.Name, State: state, Why: h.Why, By: h.By, Started: h.Started, Stopped: h.Stopped, LeftOn: h.LeftOn}
}

// tell puts a row, and the file that belongs to it, beside the incident's logs.
func (j *job) tell(a Appliance, row evidence.Diagnostic, in *material.Incoming) {
	change := material.Change{Diagnostics: []evidence.Diagnostic{row}}
	if in != nil {
		change.Files = append(change.Files, *in)
	}
	err := material.Of(j.t.Store, j.note.Key).Add(time.Now(), change)
	if err != nil && !errors.Is(err, incident.ErrRemoved) {
		j.t.log().Warn("a diagnostic log cannot be added", "incident", j.note.Incident, "host", a.Name, "err", err)
	}
}

// until is when the incident's window ends, which later alerts may put off.
func (j *job) until() time.Time {
	in, err := j.t.Store.Read(j.note.Key)
	if err != nil {
		return time.Time{} // removed: what was started is stopped now
	}
	return in.Asked.Until
}

// watch waits until the window is over, and looks meanwhile whether runs are still ours.
func (j *job) watch(ctx context.Context) bool {
	end := time.Now().Add(longestRun)
	for {
		left := min(time.Until(j.until()), time.Until(end))
		if left <= 0 || !j.any(phaseStarted, phaseStarting) {
			return ctx.Err() == nil
		}
		if !sleep(ctx, min(left, j.t.every(lookEvery))) || !j.each(ctx, j.look) {
			return false
		}
	}
}

func (j *job) any(phases ...Phase) bool {
	for _, a := range j.hosts {
		for _, p := range phases {
			if j.host(a.Name).Phase == p {
				return true
			}
		}
	}
	return false
}

// look looks whether a run is still there, and ours. What does not answer is looked at again.
func (j *job) look(ctx context.Context, a Appliance) {
	if h := j.host(a.Name); h.Phase == phaseStarted {
		if s, err := a.API.Status(ctx); err == nil {
			j.judge(a, s)
		}
	}
}

// judge notes what is shown of a run that was started here, and reports whether it is to be
// stopped here.
func (j *job) judge(a Appliance, s Shown) (ours bool) {
	h, now := j.host(a.Name), time.Now().UTC()
	switch run := s.Run(); {
	case run == Unknown:
		j.done(a, "it cannot be told whether it runs: it shows "+s.String(), true)
	case run == Idle && h.Phase == phaseStarting:
		j.done(a, "it was not started", false)
	case run == Idle:
		j.change(a.Name, func(h *Host) { h.Phase, h.Why = phaseStopped, "it ended by itself, or somebody stopped it" })
	case h.Phase == phaseStarting:
		j.done(a, "grab ended while it was started, and it cannot be told whose run it is: left alone", true)
	case len(h.Mark) > 0 && !s.Has(h.Mark):
		j.done(a, "somebody else started another run meanwhile: left alone", false)
	case len(h.Mark) == 0 && now.Sub(h.Seen) > blindFor:
		j.done(a, fmt.Sprintf("it was not looked at for %s, and does not show whose run it is: left alone", now.Sub(h.Seen).Round(time.Second)), true)
	default:
		j.change(a.Name, func(h *Host) { h.Seen = now })
		return true
	}
	return false
}

// sealed waits until the incident is sealed, so that nothing is collected while logs are copied.
func (j *job) sealed(ctx context.Context) bool {
	for end := time.Now().Add(sealedIn); time.Now().Before(end) && j.any(phaseStopped, phaseJoined); {
		in, err := j.t.Store.Read(j.note.Key)
		if err != nil || in.State == incident.Sealed {
			break
		}
		if !sleep(ctx, j.t.every(2*time.Second)) {
			return false
		}
	}
	return ctx.Err() == nil
}

// end forgets an incident, but for what may be running.
func (j *job) end() {
	if !j.note.leftOn() {
		j.forget()
		return
	}
	for _, h := range j.note.Hosts {
		if h.LeftOn && time.Since(h.Started) > LeftFor {
			j.forget()
			return
		}
	}
}

func (j *job) forget() {
	if err := j.t.Store.Remove(noteFile(j.t.Store, j.note.Key).Path); err != nil {
		j.t.log().Warn("the note of a diagnostic log cannot be removed", "incident", j.note.Incident, "err", err)
	}
}
