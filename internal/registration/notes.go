package registration

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// howBodies says how SIP bodies are turned on.
const howBodies = "To have them logged, set the module network.sip to DEBUG (and network.tcp, for connections to CUCM) on every Expressway: Maintenance > Diagnostics > Advanced > Network Log configuration."

// notes say in words what these logs leave open.
func notes(o Options, w *wire.Wire, all []told, left, hidden int) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	partial := slices.ContainsFunc(all, func(t told) bool {
		return t.Verdict == VerdictPartial || t.Verdict == PhoneCameBack || t.Verdict == VerdictRecovered
	})
	switch {
	case len(all) == 0:
		say("No REGISTER of a phone is in these logs. RTMT's counter also counts on-premises phones, which do not come through Expressway.")
	case len(o.Alerts) > 0 && !partial:
		say("No partial MRA phone was seen here, though there was an alert: RTMT's counter also counts on-premises phones, and phones that went partial before these logs begin.")
	}
	out = append(out, bodyNotes(w, all)...)
	out = append(out, clockNotes(w, len(all))...)
	for _, s := range wire.Stalls(w) {
		out = append(out, stallWords(&s))
	}
	if w.Bodies != "yes" {
		for _, c := range w.PortChanges {
			say("%s: the connection was opened anew, and %s went on over it.", sentenceStart(judge.ChangeWords(w, &c)), human.Plural(c.Phones, "registration"))
		}
	}
	out = append(out, shortNotes(w, all)...)
	out = append(out, peerNotes(w, len(all))...)
	out = append(out, coverageNotes(w, len(all))...)
	for _, n := range o.PhonesNamed {
		if !slices.ContainsFunc(all, func(t told) bool { return t.IsNamed(n) }) {
			say("%s, which was asked for, is not in these logs.", n)
		}
	}
	if n := left + w.More.Devices; n > 0 {
		atLeast := ""
		if w.More.AtLeast {
			atLeast = "at least "
		}
		say("And %s%s more: they are counted, and nothing else is said of them, for there are too many. Those that were asked for and those that registered came first.", atLeast, human.Plural(n, "device"))
	}
	if w.More.Messages > 0 {
		say("Of %s of messages, of such devices or of such as send too many, nothing was kept.", human.Plural(int(w.More.Messages), "record"))
	}
	if hidden > 0 {
		say("Of %s the messages are not shown one by one, for there are too many.", human.Plural(hidden, "registration"))
	}
	return out
}

func sentenceStart(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// usualCadence is how often phones send a keep-alive, where nothing else is known: 120 s
// less 5 (docs/partial-registration.md).
const usualCadence = 115 * time.Second

// shortNotes say that the logs are too short for a keep-alive, or for two.
func shortNotes(w *wire.Wire, all []told) []string {
	if len(all) == 0 {
		return nil
	}
	most := 0
	for _, t := range all {
		for _, c := range t.Chains {
			n := 0
			for _, x := range c.Txns {
				if x.Good() && (x.Kind == KindKeepAlive || x.Kind == KindRegister) {
					n++
				}
			}
			most = max(most, n)
		}
	}
	switch held := time.Duration(w.Logs.End - w.RecordsBegin()); {
	case most >= 2:
		return nil
	case held > 0 && held < usualCadence:
		return []string{fmt.Sprintf("These logs are too short for one keep-alive: they hold %.0f s, and a phone sends one every %.0f s or so. Lateness cannot be told by them.", held.Seconds(), usualCadence.Seconds())}
	}
	return []string{"These logs are too short: no phone shows two keep-alives, so that the phones' own cadence is not known and lateness cannot be told by it."}
}

func peerNotes(w *wire.Wire, phones int) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, role := range []string{"C", "E"} {
		switch seen := slices.ContainsFunc(w.OfRole(role), func(h *logs.Host) bool { return h.SIP+h.Bodies > 0 }); {
		case phones == 0 || seen:
		case role == "C":
			say("No log of an Expressway-C with REGISTERs is here: whether they reached CUCM, and when, cannot be told; times were taken at Expressway-E.")
		default:
			say("No log of an Expressway-E with REGISTERs is here: whether a REGISTER was late before Expressway-E or after it cannot be told from it.")
		}
	}
	for _, role := range []string{"C", "E"} {
		if s := w.Strangers[role]; len(s) > 0 && phones > 0 {
			say("Messages passed through Expressway-%s peers whose logs are not here: %s.", role, strings.Join(s, ", "))
		}
	}
	for _, h := range w.Hosts {
		if h.Role == "" {
			say("Whether %s is an Expressway-C or -E could not be told; its messages count for neither.", h.Name)
		}
	}
	if len(w.Peers) > 0 {
		say("The logs name Expressways that nobody configured: %s. A phone may have used one of them, so that nothing that rests on an absence can be told.", strings.Join(w.Peers, ", "))
	}
	return out
}

func bodyNotes(w *wire.Wire, all []told) []string {
	unclear := func(t told) bool {
		return slices.ContainsFunc(t.Txns, func(x *wire.Txn) bool { return x.Kind == KindRegister })
	}
	switch w.Bodies {
	case "no":
		return []string{"SIP bodies were not logged (INFO level). What can be said is when REGISTERs passed and how they were answered. Whether one registered all lines or was a keep-alive, to the primary " +
			"or a secondary CUCM, and whether CUCM took it for a new registration, cannot be told; which CUCM is a phone's primary is unknown. " + howBodies}
	case "mixed":
		if len(all) > 0 && !slices.ContainsFunc(all, unclear) {
			return nil // the answers tell
		}
		var without []string
		for _, h := range w.Hosts {
			if b := h.BodiesLogged(); b == "no" || b == "mixed" {
				without = append(without, h.Name)
			}
		}
		return []string{"SIP bodies were not logged everywhere, or not all the time: " + strings.Join(without, ", ") + ". Of such messages it cannot be told what they wanted. " + howBodies}
	}
	return nil
}

func clockNotes(w *wire.Wire, phones int) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for i, x := range w.Hosts {
		for _, y := range w.Hosts[i+1:] {
			if x.Offset != nil && y.Offset != nil && (*x.Offset-*y.Offset).Abs() > time.Duration(wire.ApartFrom) {
				say("The clocks of %s and %s are %s apart, as was measured; times here are corrected.", x.Name, y.Name, judge.Rounded(*x.Offset-*y.Offset))
			}
		}
	}
	for _, s := range w.Steps {
		say("The clock of %s was set by %+.1f s at %s: its own stamps jump there against the Date headers of CUCM's answers, and stay so. Its times are shown as they were logged; lateness was judged without that jump.",
			w.Texts.Of(s.Host), float64(s.By)/1e9, judge.Clock(s.At))
	}
	for _, s := range w.Clocks.Shifts {
		say("The clocks of %s and %s shifted against each other by %s at about %s, and stay so; which of the two was set cannot be told. Nothing is called late there.", s.C.Name, s.E.Name, judge.Rounded(time.Duration(s.By)), judge.Clock(s.At))
	}
	for _, p := range w.Offsets {
		if time.Duration(p.Ahead).Abs() >= time.Duration(wire.ApartFrom) {
			say("The clocks of %s and %s are %s apart, as the delays between them show; their times are shown as they were logged, and delays between the two are not.", p.C.Name, p.E.Name, judge.Rounded(time.Duration(p.Ahead)))
		}
	}
	var raw []string
	for _, h := range w.Hosts {
		if h.Offset == nil {
			raw = append(raw, h.Name)
		}
	}
	if len(raw) > 0 && phones > 0 {
		say("The clocks of these were not measured, so that their times are as they were logged: %s.", strings.Join(raw, ", "))
	}
	return out
}

func coverageNotes(w *wire.Wire, phones int) []string {
	var out, unknown []string
	for i, src := range w.Sources {
		name := src.Host
		if name == "" {
			name = src.File
		} else if src.Family != "" {
			name += " " + src.Family
		}
		if s := w.Scans[i]; s.Err != nil {
			out = append(out, fmt.Sprintf("%s could not be read to its end (%v).", name, s.Err))
		} else if s.Dropped > 0 {
			out = append(out, fmt.Sprintf("%s has so many records of connections and events that %d were skipped.", name, s.Dropped))
		}
		if !src.ShowsSIP() {
			continue
		}
		for _, m := range evidence.Merge(w.Window, src.Missing) {
			out = append(out, fmt.Sprintf("%s lacks %s to %s UTC (%s).", name, m.Since.UTC().Format(time.TimeOnly), m.Until.UTC().Format(time.TimeOnly), m.Reason))
		}
		if !src.Complete && len(src.Missing) == 0 {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 && phones > 0 {
		slices.Sort(unknown)
		out = append(out, fmt.Sprintf("Whether these logs are whole is not known: %s. What rests on an absence in them cannot be told.", strings.Join(slices.Compact(unknown), ", ")))
	}
	return out
}

func stallWords(s *wire.Stall) string {
	where := fmt.Sprintf("from %s to %s: the way between them was stuck, or %s stood still", s.From.Name, s.To.Name, s.To.Name)
	if s.From == s.To {
		where = fmt.Sprintf("inside %s", s.From.Name)
	}
	return fmt.Sprintf("A stall: between %s and %s the REGISTERs of %d registrations took up to %s longer than usual %s. It was not the phones, and no clock that was set: before and after the clocks agree.",
		time.Unix(0, s.Begin).UTC().Format(time.TimeOnly), time.Unix(0, s.End).UTC().Format(secondLayout), len(s.Calls), judge.Seconds(s.Most), where)
}
