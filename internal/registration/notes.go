package registration

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// howBodies says how SIP bodies are turned on.
const howBodies = "To have them logged, set the module network.sip to DEBUG (and network.tcp, for connections to CUCM) on every Expressway: Maintenance > Diagnostics > Advanced > Network Log configuration."

// notes say in words what these logs leave open.
func (a *analysis) notes() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	partial := slices.ContainsFunc(a.phones, func(p *phone) bool {
		return p.out.Verdict == VerdictPartial || p.out.Verdict == PhoneCameBack || p.out.Verdict == VerdictRecovered
	})
	switch {
	case len(a.phones) == 0:
		say("No REGISTER of a phone is in these logs. RTMT's counter also counts on-premises phones, which do not come through Expressway.")
	case len(a.Alerts) > 0 && !partial:
		say("No partial MRA phone was seen here, though there was an alert: RTMT's counter also counts on-premises phones, and phones that went partial before these logs begin.")
	}
	out = append(out, a.bodyNotes()...)
	out = append(out, a.clockNotes()...)
	if n := a.mostKeepAlives(); len(a.phones) > 0 && n < 2 {
		say("These logs are too short: no phone shows two keep-alives, so that the phones' own cadence is not known and lateness cannot be told by it.")
	}
	for _, role := range []string{"C", "E"} {
		hs := a.ofRole(role)
		switch seen := slices.ContainsFunc(hs, func(h *host) bool { return h.sip+h.bodies > 0 }); {
		case len(a.phones) == 0 || seen:
		case role == "C":
			say("No log of an Expressway-C with REGISTERs is here: whether they reached CUCM, and when, cannot be told; times were taken at Expressway-E.")
		default:
			say("No log of an Expressway-E with REGISTERs is here: whether a REGISTER was late before Expressway-E or after it cannot be told from it.")
		}
	}
	for _, role := range []string{"C", "E"} {
		if s := a.strangers[role]; len(s) > 0 && len(a.phones) > 0 {
			say("Messages passed through Expressway-%s peers whose logs are not here: %s.", role, strings.Join(s, ", "))
		}
	}
	for _, h := range a.hosts {
		if h.role == "" {
			say("Whether %s is an Expressway-C or -E could not be told; its messages count for neither.", h.name)
		}
	}
	if len(a.Peers) > 0 {
		say("The logs name Expressways that nobody configured: %s. A phone may have used one of them, so that nothing that rests on an absence can be told.", strings.Join(a.Peers, ", "))
	}
	out = append(out, a.coverageNotes()...)
	for _, n := range a.PhonesNamed {
		if !slices.ContainsFunc(a.phones, func(p *phone) bool { return p.isNamed(n) }) {
			say("%s, which was asked for, is not in these logs.", n)
		}
	}
	if a.hidden > 0 {
		say("Of %s the messages are not shown one by one, for there are too many.", count(a.hidden, "registration"))
	}
	return out
}

func (a *analysis) bodyNotes() []string {
	switch a.bodies {
	case "no":
		return []string{"SIP bodies were not logged (INFO level). What can be said is when REGISTERs passed and how they were answered. Whether one registered all lines or was a keep-alive, to the primary " +
			"or a secondary CUCM, and whether CUCM took it for a new registration, cannot be told; which CUCM is a phone's primary is unknown. " + howBodies}
	case "mixed":
		var without []string
		for _, h := range a.hosts {
			if b := h.bodiesLogged(); b == "no" || b == "mixed" {
				without = append(without, h.name)
			}
		}
		return []string{"SIP bodies were not logged everywhere, or not all the time: " + strings.Join(without, ", ") + ". Of such messages it cannot be told what they wanted. " + howBodies}
	}
	return nil
}

func (a *analysis) clockNotes() []string {
	var out []string
	for i, x := range a.hosts {
		for _, y := range a.hosts[i+1:] {
			if x.offset != nil && y.offset != nil && (*x.offset-*y.offset).Abs() > time.Duration(apartFrom) {
				out = append(out, fmt.Sprintf("The clocks of %s and %s are %s apart, as was measured; times here are corrected.", x.name, y.name, rounded(*x.offset-*y.offset)))
			}
		}
	}
	for _, p := range a.clocks {
		if abs(p.ahead) >= apartFrom {
			out = append(out, fmt.Sprintf("The clocks of %s and %s are %s apart, as the delays between them show; their times are shown as they were logged, and delays between the two are not.", p.c.name, p.e.name, rounded(time.Duration(p.ahead))))
		}
	}
	var raw []string
	for _, h := range a.hosts {
		if h.offset == nil {
			raw = append(raw, h.name)
		}
	}
	if len(raw) > 0 && len(a.phones) > 0 {
		out = append(out, fmt.Sprintf("The clocks of these were not measured, so that their times are as they were logged: %s.", strings.Join(raw, ", ")))
	}
	return out
}

func rounded(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Abs().Seconds()) }

// mostKeepAlives is how many REGISTERs at most followed another in one chain.
func (a *analysis) mostKeepAlives() int {
	most := 0
	for _, p := range a.phones {
		for _, c := range p.chains {
			n := 0
			for _, t := range c.txns {
				if t.good() && (t.kind == KindKeepAlive || t.kind == KindRegister) {
					n++
				}
			}
			most = max(most, n)
		}
	}
	return most
}

func (a *analysis) coverageNotes() []string {
	var out, unknown []string
	for i, src := range a.sources {
		name := src.Host
		if name == "" {
			name = src.File
		} else if src.Family != "" {
			name += " " + src.Family
		}
		if s := a.scans[i]; s.err != nil {
			out = append(out, fmt.Sprintf("%s could not be read to its end (%v).", name, s.err))
		} else if s.dropped > 0 {
			out = append(out, fmt.Sprintf("%s has so many records of connections and events that %d were passed over.", name, s.dropped))
		}
		if src.Family == "messages" || src.Family == "developer_log" {
			continue
		}
		for _, m := range evidence.Merge(a.Window, src.Missing) {
			out = append(out, fmt.Sprintf("%s lacks %s to %s UTC (%s).", name, m.Since.UTC().Format(time.TimeOnly), m.Until.UTC().Format(time.TimeOnly), m.Reason))
		}
		if !src.Complete && len(src.Missing) == 0 {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 && len(a.phones) > 0 {
		slices.Sort(unknown)
		out = append(out, fmt.Sprintf("Whether these logs are whole is not known: %s. What rests on an absence in them cannot be told.", strings.Join(slices.Compact(unknown), ", ")))
	}
	return out
}
