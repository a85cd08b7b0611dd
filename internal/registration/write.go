package registration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// share names the phones that one closed connection dropped together.
func (a *analysis) share() {
	of := map[*link][]*phone{}
	for _, p := range a.phones {
		if p.shared != nil {
			of[p.shared] = append(of[p.shared], p)
		}
	}
	for _, ps := range of {
		for _, p := range ps {
			for _, o := range ps {
				if o != p {
					p.out.Shares = append(p.out.Shares, o.short())
				}
			}
			slices.Sort(p.out.Shares)
			if n := len(p.out.Shares); n > 0 {
				p.out.Summary += fmt.Sprintf(" %s went with it on the same connection.", count(n, "other phone"))
			}
		}
	}
}

// short is what the phone is called in lists.
func (p *phone) short() string {
	switch {
	case p.device != "":
		return p.device
	case p.mac != "":
		return p.mac
	}
	return p.out.CallIDs[0]
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// write makes the report of what was found.
func (a *analysis) write() *Report {
	r := &Report{BodiesLogged: a.bodies, Notes: []string{}, Files: []File{}, Alerts: a.Alerts, Connections: []Connection{}, Phones: []Phone{}}
	if !a.Window.Empty() {
		r.Window = &a.Window
	}
	for i, s := range a.scans {
		r.Records, r.Unread = r.Records+s.records, r.Unread+s.unread
		r.Files = append(r.Files, a.file(i, s))
	}
	slices.SortFunc(a.phones, byRank)
	a.writeHops()
	for _, p := range a.phones {
		r.Phones = append(r.Phones, p.out)
	}
	r.Connections = a.connections()
	a.conclude(r)
	r.Notes = append(r.Notes, a.notes()...)
	return r
}

// byRank orders phones: those named, then the affected ones, then the rest.
func byRank(x, y *phone) int {
	named := func(p *phone) int {
		if p.named {
			return 0
		}
		return 1
	}
	late := func(p *phone) int {
		if p.out.LateByS != nil || p.out.Cause != "" {
			return 0
		}
		return 1
	}
	return first(compare(named(x), named(y)), compare(rankOf(x.out.Verdict), rankOf(y.out.Verdict)), compare(late(x), late(y)), compare(x.short(), y.short()),
		slices.Compare(x.out.CallIDs, y.out.CallIDs))
}

func (a *analysis) file(i int, s *scan) File {
	src := a.sources[i]
	f := File{Host: src.Host, Role: src.Role, Family: src.Family, File: src.File, Records: s.records}
	if f.Host == "" && len(s.hosts) == 1 {
		for id := range s.hosts {
			f.Host = a.texts.of(id)
		}
	}
	if h := a.byName[a.texts.ids[f.Host]]; f.Role == "" && f.Host != "" && h != nil {
		f.Role = h.role
	}
	if !s.first.IsZero() {
		from, to := s.first, s.last
		if src.ClockOffset != nil {
			from, to = from.Add(-*src.ClockOffset), to.Add(-*src.ClockOffset)
		}
		f.First, f.Last = &from, &to
	}
	if !a.Window.Empty() && (src.Complete || len(src.Missing) > 0) {
		f.Coverage = string(evidence.Judge(a.Window, src.Missing))
	}
	return f
}

// connections lists those that carried a REGISTER or failed, with their phones.
func (a *analysis) connections() []Connection {
	for _, p := range a.phones {
		for _, t := range p.txns {
			for _, at := range t.attempts {
				if m := at.at[toCUCM]; m != nil {
					if l := a.linkOf(m); l != nil {
						l.devices[p.short()] = true
					}
				}
			}
		}
	}
	out := []Connection{}
	for _, l := range a.links {
		c := Connection{C: a.texts.of(l.c), CUCM: l.node(), How: l.how, Failed: l.failed, Devices: list(slices.Sorted(maps.Keys(l.devices))), Proofs: []Proof{}}
		if l.local.IsValid() {
			c.Local = l.local.String()
		}
		if l.opened != 0 {
			c.Opened = stamp(l.opened)
		}
		if l.closed != 0 && !l.failed {
			c.Closed = stamp(l.closed)
		}
		for _, n := range l.proofs {
			c.Proofs = append(c.Proofs, a.placeProof(n.host, n.place, n.at, a.texts.of(n.what)))
		}
		out = append(out, c)
	}
	return out
}

// proof is the record of a message.
func (a *analysis) proof(m *message, what string) Proof {
	return a.placeProof(m.host, m.place(), m.at, what)
}

func (a *analysis) placeProof(host text, p place, at int64, what string) Proof {
	return Proof{Host: a.texts.of(host), File: a.sources[p.source].File, Offset: p.offset, Length: int64(p.length), Time: time.Unix(0, at).UTC(), What: what}
}

// distinct drops records that are named twice.
func distinct(in []Proof) []Proof {
	type key struct {
		host, file string
		offset     int64
	}
	seen := map[key]bool{}
	out := []Proof{}
	for _, p := range in {
		k := key{p.Host, p.File, p.Offset}
		if !seen[k] {
			seen[k] = true
			out = append(out, p)
		}
	}
	return out
}

// conclude is the verdict on the incident.
func (a *analysis) conclude(r *Report) {
	n := map[string]int{}
	var who []string
	sane, late := true, 0
	for _, p := range a.phones {
		n[p.out.Verdict]++
		if p.out.Confidence == CannotTell || p.out.Verdict == PhoneRefused || len(a.Alerts) > 0 && p.out.Confidence != Certain {
			sane = false // with an alert, a phone may be partial since before the logs begin
		}
		if p.out.LateByS != nil {
			late++
		}
		if rankOf(p.out.Verdict) <= rankOf(PhoneRefused) || p.out.Verdict == VerdictRecovered {
			who = append(who, p.short())
		}
	}
	affected := n[VerdictPartial] + n[PhoneCameBack]
	switch {
	case n[VerdictPartial] > 0:
		r.Verdict = VerdictPartial
		r.Summary = fmt.Sprintf("%s went partial and did not register in full again in these logs", count(n[VerdictPartial], "phone"))
	case n[PhoneCameBack] > 0:
		r.Verdict = VerdictUnknown
		r.Summary = fmt.Sprintf("%s came back by keep-alive and is partial if it has more than one line", count(n[PhoneCameBack], "phone"))
	case n[VerdictRecovered] > 0:
		r.Verdict = VerdictRecovered
		r.Summary = fmt.Sprintf("%s went partial and registered all lines again later", count(n[VerdictRecovered], "phone"))
	case len(a.phones) == 0:
		r.Verdict = VerdictUnknown
		r.Summary = "no phone was found in these logs"
	case sane && a.covered("C", a.begin(), a.end()):
		r.Verdict = VerdictHealthy
		r.Summary = fmt.Sprintf("no partial MRA phone was seen here: %s, none of which went partial", count(len(a.phones), "phone"))
	default:
		r.Verdict = VerdictUnknown
		r.Summary = fmt.Sprintf("whether a phone is partial cannot be told: of %s none was seen to go partial, but these logs do not tell all", count(len(a.phones), "phone"))
		if late > 0 {
			r.Summary += fmt.Sprintf("; REGISTERs of %s came late", count(late, "phone"))
		}
		if n[PhoneRefused] == len(who) && len(who) > 0 {
			r.Summary = fmt.Sprintf("no phone was seen to go partial, but %s refused", is(n[PhoneRefused]))
		}
	}
	if affected > 1 && n[PhoneCameBack] > 1 {
		r.Summary = strings.Replace(r.Summary, "and is partial if it has", "and are partial if they have", 1)
	}
	if len(who) > 0 {
		r.Summary += ": " + strings.Join(who[:min(len(who), 5)], ", ")
		if len(who) > 5 {
			r.Summary += fmt.Sprintf(" and %d more", len(who)-5)
		}
	}
	if c := a.mainCause(); c != "" && c != CauseUnknown {
		r.Summary += "; cause: " + words[c]
	}
	r.Summary = strings.ToUpper(r.Summary[:1]) + r.Summary[1:] + "."
}

func is(n int) string {
	if n == 1 {
		return "1 phone is"
	}
	return fmt.Sprintf("%d phones are", n)
}

// mainCause is that of the first affected phones if they agree and it can be told.
func (a *analysis) mainCause() string {
	cause := ""
	for _, p := range a.phones {
		switch p.out.Verdict {
		case VerdictPartial, PhoneCameBack, VerdictRecovered:
			if cause != "" && cause != p.out.Cause || p.out.CauseConfidence == CannotTell {
				return ""
			}
			cause = p.out.Cause
		}
	}
	return cause
}

// begin is where the window begins, or the logs do.
func (a *analysis) begin() int64 {
	if !a.Window.Empty() {
		return a.Window.Since.UnixNano()
	}
	var from int64
	for _, s := range a.scans {
		if at := s.first.UnixNano(); !s.first.IsZero() && (from == 0 || at < from) {
			from = at
		}
	}
	return from
}
