package judge

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// withRestart adds to a reason that an Expressway by which the phone was registered restarted in
// the lapse: then its connections closed because of that, and not for what lies beyond it.
func (r Reason) withRestart(w *wire.Wire, l phone.Lapse) Reason {
	c, e := l.From.Peers(w.Logs)
	for _, h := range []*logs.Host{c, e} {
		v := restartOf(w, h, l.From.Sent, l.To.Sent)
		if v == nil || r.Cause == CauseResetOrLogin || r.Cause == CauseAuth || r.Cause == CauseRefused {
			continue
		}
		r.Why += fmt.Sprintf("; %s itself was restarted at %s (%s)", h.Name, Clock(v.At), eventWords(w, v))
		r.Proofs = append(r.Proofs, v.Shows(w.Texts.Of(v.What)))
		switch {
		case h == c && (r.Cause == CauseTCP || r.Cause == CauseUnknown && r.Where == Nowhere):
			r.Cause, r.Where, r.Link, r.Confidence = CausePath, InC, nil, Likely
		case h == e && r.Cause == CauseUnknown && r.Where == Nowhere:
			r.Cause, r.Where, r.Confidence = CausePath, InE, Likely
		}
	}
	return r
}

// eventWords are an event as claims name it: without a detail that is but pairs of the record.
func eventWords(w *wire.Wire, v *logs.Event) string {
	name, detail, _ := strings.Cut(w.Texts.Of(v.What), ": ")
	if detail == "" || strings.Contains(detail, `="`) {
		return name
	}
	return name + ": " + detail
}

// restartOf is the first record of a span that says that a host was restarted or shut down; nil:
// there is none.
func restartOf(w *wire.Wire, h *logs.Host, from, to int64) *logs.Event {
	if h == nil {
		return nil
	}
	for i := range w.Events {
		v := &w.Events[i]
		if v.Host != h.ID || v.At <= from || v.At > to {
			continue
		}
		name, _, _ := strings.Cut(strings.ToLower(w.Texts.Of(v.What)), ":")
		switch name {
		case "system restart", "system shutdown", "system start", "application start", "application failed":
			return v
		}
	}
	return nil
}
