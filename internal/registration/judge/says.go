package judge

import (
	"strings"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// sayLate says by how much the first attempt was late, by the three numbers, and where.
func (r *Ruling) sayLate(w *wire.Wire, l phone.Lapse) {
	if l.From == nil || l.Hole(w) != nil {
		return
	}
	if s := l.Shifted(w); s != nil {
		r.claim(CannotTell, "whether its REGISTER was late cannot be told: the clocks of %s and %s shifted by %s against each other at %s", s.C.Name, s.E.Name, Rounded(time.Duration(s.By)), Clock(s.At))
		return
	}
	f, beyond, late := l.First(), l.BeyondExpires(), l.Late()
	if late == nil && (beyond == nil || *beyond <= 0) {
		r.sayInTime(w, l)
		return
	}
	if r.Late == nil {
		r.Late = &l
	}
	var parts []string
	if late != nil {
		parts = append(parts, Seconds(*late)+" beyond the phone's own cadence of "+Seconds(l.Cadence))
	}
	if beyond != nil {
		parts = append(parts, against(*beyond, "Expires"), against(*l.BeyondGrace(), "Expires and grace"))
	}
	where := "Expressway-C sent it on "
	if f.FirstAt(logs.ToCUCM) == nil {
		where = "it was seen (not at Expressway-C's sending) "
	}
	whole := w.Covered(l.From.OK, l.To.Sent)
	confidence, far := Certain, ""
	if !whole {
		confidence, far = CannotTell, "; that is as far as these logs show"
	}
	r.claim(confidence, "%s%s%s", where, strings.Join(parts, ", "), far)
	if at := LostAt(w, l); at.why != "" {
		if !whole {
			at.confidence = Lesser(at.confidence, CannotTell)
		}
		r.claim(at.confidence, "%s", at.why)
	}
}

// sayInTime says that the first attempt was in time, and what became of it.
func (r *Ruling) sayInTime(w *wire.Wire, l phone.Lapse) {
	f := l.First()
	beyond := l.BeyondExpires()
	inTime := beyond != nil && *beyond <= 0 && l.From.OK-l.From.Sent <= wire.Slow || beyond == nil && l.Cadence > 0 && l.Gap() <= l.Cadence+phone.Tolerated(l.Cadence)
	switch d := f.AnswerTime(w); {
	case l.Gap() == 0:
	case !inTime:
		r.claim(Certain, "it was sent on %s after the success before it", Seconds(l.Gap()))
	case f != l.To || l.To.Sent-l.To.Begun > wire.Slow:
		r.claim(Certain, "its first REGISTER after the success before it was in time, %s after it", Seconds(l.Gap()))
	case d > wire.Slow:
		r.claim(Certain, "C sent it in time, and CUCM's first answer came after %s", Seconds(d))
	default:
		r.claim(Certain, "it came in time, %s after the success before it", Seconds(l.Gap()))
		if took := l.To.OK - l.To.Sent; l.To.Exact && l.To.Last.At[logs.FromCUCM] != nil && took > wire.Slow {
			r.claim(Certain, "CUCM's final answer to it came %s after Expressway-C had sent it", Seconds(took))
		}
	}
}

func against(ns int64, what string) string {
	if ns < 0 {
		return Seconds(-ns) + " within " + what
	}
	return Seconds(ns) + " beyond " + what
}

// sayKeepAlives says whether the keep-alives of a chain were on time.
func (r *Ruling) sayKeepAlives(w *wire.Wire) {
	c := r.Chain
	n := 0
	var longest int64
	for i := range c.Txns {
		l := c.Lapse(i)
		if beyond := l.BeyondExpires(); c.Regular(i) && (beyond == nil && !l.Hidden() || beyond != nil && *beyond <= 0) {
			n++
			longest = max(longest, c.Gap[i])
		}
	}
	if l := c.Worst(); l != nil && c.History.Came != l.To && l.Hole(w) == nil && l.Shifted(w) == nil {
		counts := r.Late
		if counts == nil && c.History.Came != nil {
			counts = &phone.Lapse{} // the numbers are those of what came back
		}
		if !w.Covered(l.From.OK, l.To.Sent) {
			r.claim(CannotTell, "its REGISTER of %s was sent on %s after the success before it; whether that is late cannot be told, for these logs are not known to be whole", Clock(l.To.Sent), Seconds(l.Gap()))
			return
		}
		r.claim(Certain, "its REGISTER of %s came late", Clock(l.To.Sent))
		r.sayLate(w, *l)
		if counts != nil {
			r.Late = counts
		}
		r.Proofs = append(r.Proofs, l.To.Message().Shows("late REGISTER"))
		return
	}
	if n == 1 {
		r.claim(Certain, "one later REGISTER was sent on %s after the success before it", Seconds(longest))
	} else if n > 1 {
		r.claim(Certain, "%d later REGISTERs were sent on to CUCM on time, none more than %s after the success before it", n, Seconds(longest))
	}
}

// maxHarmless bounds the harmless troubles reported of one phone.
const maxHarmless = 3

// sayHarmless reports REGISTERs that got no answer, or a late one, and were followed by
// one that kept the registration.
func (r *Ruling) sayHarmless(w *wire.Wire) {
	c, told := r.Chain, 0
	for i, t := range c.Txns {
		if told == maxHarmless {
			return
		}
		if m := t.Last.At[logs.ToCUCM]; m != nil && t.Good() && t.OK != 0 && w.Steady(m)+wire.InFlight < t.OK && !t.Marks.NewReg {
			told++
			r.claim(Certain, "CUCM's answer to its REGISTER of %s came after %s, when Expressway-C had given it up", Clock(t.Sent), Seconds(t.OK-w.Steady(m)))
			continue
		}
		if !t.Good() || t.Kind == wire.KindFull || t.Marks.NewReg || c.Prev[i] == nil {
			continue
		}
		for _, f := range c.Lapse(i).Failed() {
			if s, ok := stopOf(w, f); ok && told < maxHarmless {
				told++
				kept := "kept the registration"
				if !t.Marks.Told {
					kept = "was answered with success" // which may be a new registration
				}
				r.claim(Likely, "%s; the next one, at %s, %s", s.what, Clock(t.Sent), kept)
			}
		}
	}
}
