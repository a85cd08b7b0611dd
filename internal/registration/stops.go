package registration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/expressway"
)

// Where on its way time was lost or a REGISTER stopped: values of Phone.LateAt.
const (
	atPhone  = "before E"
	atE      = "in E"
	atEtoC   = "between E and C"
	atC      = "in C"
	atCtoU   = "between C and CUCM"
	nowhere  = ""
	unknownC = "after E" // C's logs do not tell
)

// A stop is where a REGISTER without success came to an end, as far as the logs tell.
type stop struct {
	where string
	what  string   // a sentence without its full stop
	sent  *message // the last record of it on its way
}

// stopOf follows a REGISTER that CUCM did not answer with success. ok is false where
// CUCM itself answered it, or nothing can be said.
func stopOf(w *wire, t *txn) (s stop, ok bool) {
	at := &t.last.at
	up := t.last.sentUp
	said := ""
	if t.marks.own && t.last.answer != nil {
		said = fmt.Sprintf("; %s answered %d itself%s", roleOf(w, t.last.answer), t.code, extra(w, t))
	}
	switch {
	case t.last.challenged(), t.code != 0 && !t.marks.own:
		return s, false
	case up != nil && t.last.reply != nil:
		return stop{where: atCtoU, what: fmt.Sprintf("CUCM took the REGISTER of %s (%d) and did not answer it%s", clock(w.steady(up)), t.last.reply.code, said), sent: up}, true
	case up != nil:
		return stop{where: atCtoU, what: fmt.Sprintf("Expressway-C sent a REGISTER to CUCM at %s, and no answer came%s", clock(w.steady(up)), said), sent: up}, true
	case at[intoC] != nil && said != "":
		return stop{where: atC, what: fmt.Sprintf("Expressway-C received a REGISTER at %s and did not send it on%s", clock(w.steady(at[intoC])), said), sent: at[intoC]}, true
	case at[intoC] != nil:
		return stop{where: atC, what: fmt.Sprintf("Expressway-C received a REGISTER at %s, and these logs do not show that it sent it on", clock(w.steady(at[intoC]))), sent: at[intoC]}, true
	case at[outOfE] != nil && len(w.ofRole("C")) > 0 && len(w.strangers["C"]) == 0 && w.missing("C", at[outOfE].at, at[outOfE].at+inFlight) == nil:
		return stop{where: atEtoC, what: fmt.Sprintf("Expressway-E sent a REGISTER on at %s, and Expressway-C did not receive it%s", clock(w.steady(at[outOfE])), said), sent: at[outOfE]}, true
	case at[outOfE] != nil:
		return stop{where: unknownC, what: fmt.Sprintf("Expressway-E sent a REGISTER on at %s, and no answer came back%s", clock(w.steady(at[outOfE])), said), sent: at[outOfE]}, true
	case at[phoneToE] != nil && said != "" && t.code != 503:
		return stop{where: atEtoC, what: fmt.Sprintf("Expressway-E received a REGISTER at %s and could not send it on%s", clock(w.steady(at[phoneToE])), said), sent: at[phoneToE]}, true
	case at[phoneToE] != nil:
		return stop{where: atE, what: fmt.Sprintf("Expressway-E received a REGISTER at %s and did not send it on%s", clock(w.steady(at[phoneToE])), said), sent: at[phoneToE]}, true
	}
	return s, false
}

func roleOf(w *wire, m *message) string {
	name := w.texts.of(m.host)
	switch w.byName[m.host].role {
	case "C":
		name = "Expressway-C"
	case "E":
		name = "Expressway-E"
		if w.stage(m) == intoE {
			name = "Expressway-C"
		}
	}
	return name
}

// extra is what an answer says for itself, in brackets.
func extra(w *wire, t *txn) string {
	if m := t.last.answer; m != nil && m.extra != 0 {
		return " (" + w.texts.of(m.extra) + ")"
	}
	return ""
}

// cannotConnect reports whether C says of its own answer that it could not connect.
func cannotConnect(w *wire, t *txn) bool {
	return t.marks.own && strings.Contains(strings.ToLower(extra(w, t)), "unable to connect")
}

// traversalTrouble are the records of a span that say that the connection or zone between
// the phone's E and C failed.
func traversalTrouble(w *wire, t *txn, from, to int64) []proof {
	var out []proof
	ip := farE(w, t)
	for _, n := range w.tcps {
		if n.at <= from || n.at > to {
			continue
		}
		src, dst := w.texts.end(n.src), w.texts.end(n.dst)
		end := dst
		if !traversalPort(end.Port()) {
			end = src
		}
		what := w.texts.of(n.what)
		if traversalPort(end.Port()) && end.Addr() == ip && ip.IsValid() && (what == expressway.TCPClosed || what == expressway.TCPFailed) {
			out = append(out, n.shows(what+" between C and E"))
		}
	}
	_, e := t.peers(w.logs)
	for _, v := range w.events {
		text := strings.ToLower(w.texts.of(v.what))
		bad := strings.Contains(text, "fail") || strings.Contains(text, "down") || strings.Contains(text, "lost") || strings.Contains(text, "inactive")
		about := strings.Contains(text, "travers") || ip.IsValid() && strings.Contains(text, ip.String()+":70") || e != nil && v.host == e.id && strings.Contains(text, "zone")
		if v.at > from && v.at <= to && bad && about && (e == nil || v.host == e.id || ip.IsValid() && strings.Contains(text, ip.String())) {
			out = append(out, v.shows(w.texts.of(v.what)))
		}
	}
	slices.SortStableFunc(out, func(x, y proof) int { return cmp.Compare(x.at, y.at) })
	return out[:min(len(out), 6)]
}
