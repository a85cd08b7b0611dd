package registration

import (
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/hear"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/wire"
)

// Taken is what a bundle has beside its logs, and what was done since: what is here already
// nobody needs to be asked for.
type Taken struct {
	PRTs   []evidence.PRT   // phones' problem reports
	Resets []evidence.Reset // of phones, by hand
	CUCM   []evidence.CUCM  // what became of asking CUCM
}

// A keeper lets the advice on a phone say what of the evidence is here, and what is still to be
// collected before a reset destroys it.
type keeper struct {
	*told
	o Options
	h *hear.Heard
	w *wire.Wire
}

func (t keeper) protect() {
	prt := t.problemReport()
	reset := t.lastReset()
	if !strings.HasPrefix(t.out.Advice, collect) && reset == "" {
		return
	}
	have, todo := t.tracesHere()
	var first []string
	switch {
	case prt != nil:
		have = append([]string{"The phone's problem report (PRT) of " + prt.Received.UTC().Format(secondLayout) + " is here (" + prt.Path + ")."}, have...)
	case t.out.PRTAsked != nil:
		first = append(first, "see that the phone's problem report (PRT), which was asked for, has come")
	default:
		first = append(first, "collect the phone's problem report (PRT), in CUCM by "+t.askedWhere())
	}
	if todo != "" {
		first = append(first, todo)
	}
	says := ""
	if len(first) > 0 {
		them := map[bool]string{true: "them", false: "it"}[len(first) > 1 || todo != ""]
		says = "First " + strings.Join(first, ", and ") + ": a reset destroys " + them + ". "
	}
	if len(have) > 0 {
		says += strings.Join(have, " ") + " "
	}
	if len(have) > 0 && todo == "" {
		t.out.Advice = strings.Replace(t.out.Advice, mayTell, mayTellStill(prt != nil), 1)
	}
	t.out.Advice = strings.TrimSpace(reset + strings.Replace(t.out.Advice, collect, says, 1))
}

// mayTellStill is where to look when CUCM's traces are here.
func mayTellStill(prt bool) string {
	if prt {
		return "Look in the phone's problem report for why."
	}
	return "The phone's problem report may tell why."
}

func (t keeper) askedWhere() string {
	if t.o.PhonePage != "" {
		return generate + " (" + t.o.PhonePage + ")"
	}
	return generate
}

// is reports whether a device's name is the phone's.
func (t keeper) is(device string) bool {
	return t.Device != "" && strings.EqualFold(device, t.Device) || t.MAC != "" && strings.EqualFold(device, "SEP"+t.MAC)
}

// problemReport is the phone's last one in the bundle; nil: there is none.
func (t keeper) problemReport() *evidence.PRT {
	var last *evidence.PRT
	for i := range t.o.Taken.PRTs {
		if p := &t.o.Taken.PRTs[i]; t.is(p.Device) && (last == nil || p.Received.After(last.Received)) {
			last = p
		}
	}
	if last != nil {
		at := last.Received.UTC()
		t.out.PRTReceived = &at
	}
	return last
}

// lastReset says what became of the last reset of the phone, by hand; one that brought all its
// lines back leaves nothing to be collected or done.
func (t keeper) lastReset() string {
	var last *evidence.Reset
	for i := range t.o.Taken.Resets {
		if r := &t.o.Taken.Resets[i]; t.is(r.Device) && r.State != evidence.ResetFailed && (last == nil || r.At.After(last.At)) {
			last = r
		}
	}
	if last == nil || t.Verdict != VerdictPartial && t.Verdict != PhoneCameBack {
		return ""
	}
	says := fmt.Sprintf("It was reset at %s by %s", last.At.UTC().Format(time.RFC3339), evidence.Printable(last.By, 100))
	switch last.State {
	case evidence.ResetBack:
		for _, drop := range []string{collect, resetIt, resetPerhaps} {
			t.out.Advice = strings.Replace(t.out.Advice, drop, "", 1)
		}
		return says + ", and all its lines are registered again. "
	case evidence.ResetNotBack:
		return says + ", and not all its lines came back: " + LineWords(last.Lines) + ". "
	}
	return says + "; whether all its lines came back is not known yet. "
}

// LineWords are the lines of a phone that was reset, as people read them.
func LineWords(lines []evidence.ResetLine) string {
	var out []string
	for _, l := range lines {
		out = append(out, evidence.Printable(l.Number, 40)+" "+evidence.Printable(l.Status, 40))
	}
	if len(out) == 0 {
		return "CUCM named none"
	}
	return strings.Join(out, ", ")
}

// tracesHere are sentences on CUCM's traces of the time in which the phone lost its
// registration, and what of them is still to be collected; empty: nothing.
func (t keeper) tracesHere() (have []string, todo string) {
	const all = "CUCM's traces of that time"
	if t.About == nil {
		if len(t.h.Nodes) == 0 {
			return nil, "collect " + all + failedNodes(t.o)
		}
		return []string{"CUCM's traces are here, as far as the table of its records shows."}, ""
	}
	from, to := t.spanOfLoss()
	n := t.h.NodeOf(t.About)
	switch {
	case n == nil && len(t.h.Nodes) == 0:
		return nil, "collect " + all + failedNodes(t.o)
	case n == nil || !n.Traced:
		return nil, "collect " + all + " of " + t.w.Texts.Of(t.About.Timeline.To) + ", which are not among those here"
	}
	lacks, known := t.h.Lacks(n, from, to)
	switch {
	case len(lacks) > 0:
		return []string{fmt.Sprintf("The rest of %s is here (%s): %s.", all, n.Name, t.tracesShow(n.SIP))},
			fmt.Sprintf("collect of %s what is missing here: %s of %s", all, lacks, n.Name)
	case !n.SIP:
		return []string{fmt.Sprintf("%s are here (%s), without SIP messages: %s. For the next time turn on SIP Call Processing Trace there (Serviceability > Trace > Configuration > Cisco CallManager).", all, n.Name, t.tracesShow(false))}, ""
	}
	whole := ""
	if !known {
		whole = ", though whether they are whole is not known"
	}
	return []string{fmt.Sprintf("%s are here (%s%s): %s.", all, n.Name, whole, t.tracesShow(true))}, ""
}

// spanOfLoss is the time in which the phone lost its registration: from the success before.
func (t keeper) spanOfLoss() (from, to int64) {
	to = t.About.Sent
	from = to - int64(3*time.Minute)
	if t.Chain != nil && t.About.Keeps() {
		for i, x := range t.Chain.Txns {
			if x == t.About && t.Chain.Prev[i] != nil {
				from = t.Chain.Prev[i].Sent
			}
		}
	}
	return from, to
}

// tracesShow is what CUCM's traces show of the phone's loss.
func (t keeper) tracesShow(sip bool) string {
	var drop *hear.Event
	for i := range t.story.Events {
		if e := &t.story.Events[i]; e.Kind == cucmtrace.Unregistered && e.At <= t.About.Sent+int64(time.Second) {
			drop = e
		}
	}
	switch from, _ := t.spanOfLoss(); {
	case drop != nil && drop.At >= from-int64(time.Second):
		return fmt.Sprintf("they show that %s dropped the phone at %s (%s)", drop.Node.Name, judge.Clock(drop.At), cucmtrace.ReasonWords(drop.Reason))
	case t.last(t.About) != nil:
		return "they show the REGISTER of " + judge.Clock(t.About.Sent) + ", and not why CUCM had dropped the phone"
	case sip:
		return "they do not show the phone at that time"
	}
	return "they do not show why CUCM dropped the phone"
}

// failedNodes are the nodes of which traces were asked for in vain, and why.
func failedNodes(o Options) string {
	var out []string
	for _, c := range o.Taken.CUCM {
		for _, n := range c.Nodes {
			if n.Error != "" && len(out) < 5 {
				out = append(out, evidence.Printable(n.Node, 80)+": "+evidence.Printable(n.Error, 120))
			}
		}
	}
	if len(out) == 0 {
		return ""
	}
	return ", which could not be got (" + strings.Join(out, "; ") + ")"
}
