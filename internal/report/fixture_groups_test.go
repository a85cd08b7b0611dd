package report

import (
	"fmt"
	"time"

	"rtmtgrab/internal/registration"
)

func utcOf(t time.Time) string { return t.UTC().Format("15:04:05") }

// grouped gives the report the groups that its affected phones belong to: one for each
// cause and verdict.
func (w *world) grouped() *world {
	at := map[string]int{}
	for i := range w.r.Phones {
		p := &w.r.Phones[i]
		if !affected(p) {
			continue
		}
		key := p.Verdict + p.Cause
		n, ok := at[key]
		if !ok {
			n = len(w.r.Groups)
			at[key] = n
			w.r.Groups = append(w.r.Groups, registration.Group{Verdict: p.Verdict, Cause: p.Cause, Confidence: p.Confidence, Advice: p.Advice, At: p.LostAt, First: p.At, Last: p.At})
		}
		g := &w.r.Groups[n]
		g.Devices = append(g.Devices, p.Device)
		if p.At != nil && p.At.After(*g.Last) {
			g.Last = p.At
		}
		if p.At != nil && p.At.Before(*g.First) {
			g.First = p.At
		}
	}
	for i := range w.r.Groups {
		g := &w.r.Groups[i]
		if g.Summary = summaryOf(w.r, g.Devices[0]); len(g.Devices) > 1 && g.Cause == registration.CauseTCP {
			g.C, g.CUCM = "expc01", "cucm01"
			g.Summary = fmt.Sprintf("The connection expc01 -> cucm01 dropped at %s UTC; %d phones came back with one line between %s and %s UTC.", utcOf(*g.At), len(g.Devices), utcOf(*g.First), utcOf(*g.Last))
			g.Proofs = w.r.Connections[0].Proofs
		} else if len(g.Devices) > 1 {
			g.Summary = fmt.Sprintf("%d phones: %s", len(g.Devices), g.Summary)
		}
	}
	return w
}

func summaryOf(r *registration.Report, device string) string {
	for i := range r.Phones {
		if r.Phones[i].Device == device {
			return r.Phones[i].Summary
		}
	}
	return ""
}

// older is the world as an earlier program wrote its report: without groups, statements
// and when a REGISTER was due.
func (w *world) older() *world {
	w.r.Groups = nil
	for i := range w.r.Phones {
		p := &w.r.Phones[i]
		p.Statements, p.VerdictConfidence = nil, ""
		for j := range p.Transactions {
			p.Transactions[j].Due = nil
		}
	}
	return w
}

// mixedDay is a site where several things happened at once.
func mixedDay() *world {
	w := dropped(12, 60)
	w.r.Groups = nil
	for i := range 3 {
		w.late(100 + i)
	}
	w.refused(110)
	half := w.r.Phones[4]
	half.Verdict, half.Confidence = registration.VerdictRecovered, registration.CannotTell
	back := half.At.Add(70 * time.Second)
	half.BackAt = &back
	w.r.Phones[4] = half
	return w.grouped()
}
