package status

import (
	"fmt"
	"time"

	"rtmtgrab/internal/human"
)

const (
	// staleAfter is how many periods old what is said of a host may be for a yes.
	staleAfter = 3
	// stillNote is for how many usual pauses a log stands still before that is said.
	stillNote = 10
)

// Proving says how a host is proven.
type Proving struct {
	Period time.Duration // between two proofs
	Warm   bool          // a session is to be kept, over which it is proven
	Before time.Duration // how far back an alert reaches
	Paused bool          // nobody is to look at it, for a person said so
}

// JudgeProof adds what the proofs of a host have shown, and that they are too old to say
// anything. Of a host that is not to be proven it notes how old what is known of it is.
func (r *Report) JudgeProof(h Host, p Proving) {
	key := "host/" + h.Name
	if p.Paused {
		return
	}
	if !p.Warm && h.Failed != "" {
		r.Add(Problem{Key: key + "/last", Since: h.FailedAt, What: "nothing was got of " + h.Name + " when it was asked last, and nobody has looked since: " + h.Failed,
			Hint: "no session is kept to it (ssh.warm: false): `grab check " + h.Name + "` looks now"})
		return
	}
	if !p.Warm {
		r.Notes = append(r.Notes, fmt.Sprintf("no session is kept to %s (ssh.warm: false), and nobody has looked at it %s: `grab check %s` looks now", h.Name, sinceThen(r.Now, h.Known), h.Name))
		return
	}
	bound := staleAfter * p.Period
	if age := r.Now.Sub(h.Proven); h.Proven.IsZero() || age > bound {
		stale := Problem{Key: key + "/stale", Since: h.Proven, Blocks: true, What: "the logs of " + h.Name + " were last looked at " + human.Ago(age),
			Hint: "it answers slowly or not at all: see what else is said of it, `grab check " + h.Name + "`, and the log of grab watch"}
		if h.Proven.IsZero() {
			stale.What = "nobody has looked at the logs of " + h.Name + " yet"
			if r.Now.Sub(r.Started) < bound {
				stale.Hint = "grab watch has just started: ask again in a minute"
			}
		}
		r.Add(stale)
		return
	}
	look := fmt.Sprintf("on the peer see whether the folder is mounted, and whether grab's account may read it; `grab check %s` looks closer", h.Name)
	if h.ProofError != "" {
		r.Add(Problem{Key: key + "/logs", Since: h.ProofSince, Blocks: true, What: h.Name + ": " + h.ProofError, Hint: look})
	}
	for _, f := range h.Families {
		if f.Proven.Before(h.Proven) { // the folder itself could not be told
			continue
		}
		if f.Error != "" {
			r.Add(Problem{Key: key + "/logs/" + f.Name, Since: f.Since, Blocks: true, What: h.Name + ": " + f.Error, Hint: look})
			continue
		}
		r.judgeGrowth(h, f)
	}
	r.judgeStep(h, p)
	if h.AheadS > 0 {
		r.Add(Problem{Key: key + "/ahead", Blocks: true,
			What: fmt.Sprintf("the clock of %s cannot be measured and is ahead, by %s at least: a record is from then. An alert gets what was logged until then, not what happened", h.Name, human.Span(seconds(h.AheadS))),
			Hint: "set NTP on the peer (System > Time) and on this machine; with ssh.commands: true the clock is measured, and windows are corrected by it"})
	}
	if h.ClockError != "" && h.ClockMS != nil {
		r.Add(Problem{Key: key + "/clock/unknown", What: "the clock of " + h.Name + ", which was known, cannot be measured any more: " + h.ClockError,
			Hint: "windows are widened by a minute on either side meanwhile; `grab check " + h.Name + "`"})
	}
}

func sinceThen(now, t time.Time) string {
	if t.IsZero() {
		return "yet"
	}
	return "for " + human.Span(max(now.Sub(t), 0))
}

// judgeGrowth adds that a log stands still. It is in the way only where the log's own
// history says that it never does.
func (r *Report) judgeGrowth(h Host, f Family) {
	g := f.Growth
	if g == nil {
		return
	}
	p := Problem{Key: "host/" + h.Name + "/still/" + f.Name, Since: g.Since,
		Hint: "look at the peer's disk and at its log levels (Maintenance > Diagnostics); where it was turned down on purpose this ends by itself after a week"}
	still, usual := human.Span(seconds(g.StillS)), human.Span(seconds(g.UsualS))
	switch {
	case g.Kind == "stopped":
		p.Blocks = true
		p.What = fmt.Sprintf("%s of %s has stopped growing: nothing came for %s while other logs went on, and its longest usual pause is %s", f.Name, h.Name, still, usual)
	case g.Kind == "growing" && g.StillS >= stillNote*g.UsualS:
		p.What = fmt.Sprintf("%s of %s and all other logs of its site have not grown for %s; its longest usual pause is %s", f.Name, h.Name, still, usual)
	default:
		if g.Kind == "unknown" && g.StillS >= stillNote*g.UsualS {
			r.Notes = append(r.Notes, fmt.Sprintf("%s of %s has not grown for %s; it was watched too briefly to say whether it should", f.Name, h.Name, still))
		}
		return
	}
	r.Add(p)
}

// proof words what a host's logs were like when they were looked at.
func (w *writer) proof(h Host) {
	switch {
	case h.Proven.IsZero() && h.Known.IsZero():
		w.line("    its logs were not looked at yet")
	case h.Proven.IsZero():
		w.line("    last seen %s", w.when(h.Known))
	case h.ProofError != "":
		w.line("    as of %s: %s", w.ago(h.Proven), h.ProofError)
	default:
		w.line("    logs listed and read as of %s", w.ago(h.Proven))
	}
}

func (w *writer) ago(t time.Time) string { return human.Ago(max(w.now.Sub(t), 0)) }

// asOf words how one log was then.
func (w *writer) asOf(f Family) string {
	switch {
	case f.Proven.IsZero():
		return ""
	case f.Error != "":
		return ": " + f.Error + ", as of " + w.ago(f.Proven)
	case f.Newest.IsZero():
		return ": no record yet, as of " + w.ago(f.Proven)
	}
	return "; newest record " + human.Span(max(f.Proven.Sub(f.Newest), 0)) + " old as of " + w.ago(f.Proven)
}

// judgeStep adds that the clock leapt within what an alert would ask for.
func (r *Report) judgeStep(h Host, p Proving) {
	if h.Stepped.IsZero() {
		return
	}
	by := time.Duration(h.SteppedMS) * time.Millisecond
	way := "forward"
	if by < 0 {
		way = "back"
	}
	r.Add(Problem{Key: "host/" + h.Name + "/step", Since: h.Stepped, Blocks: true,
		What: fmt.Sprintf("the clock of %s leapt %s by %s: an alert within %s of that asks for minutes that cannot be told apart", h.Name, way, human.Span(by.Abs()), human.Span(p.Before)),
		Hint: "set NTP on the peer (System > Time), or on this machine if all hosts leapt alike; this is over " + human.Span(max(h.Stepped.Add(p.Before).Sub(r.Now), 0)) + " from now if it does not leap again"})
}
