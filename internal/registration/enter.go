package registration

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// enter writes the ruling down.
func (a *analysis) enter(p *phone, r *ruling) {
	o := &p.out
	o.Verdict, o.Confidence = r.verdict, r.confidence
	o.Proofs = append(o.Proofs, r.proofs...)
	if r.came || r.back != 0 && r.chain.tale.back != nil {
		o.At = stamp(r.about.sent)
	}
	if r.back != 0 {
		o.BackAt = stamp(r.back)
	}
	if r.reason != nil {
		o.Cause, o.CauseConfidence = r.reason.cause, r.reason.confidence
		o.Proofs = append(o.Proofs, r.reason.proofs...)
		if r.reason.lost != 0 {
			o.LostAt = stamp(r.reason.lost)
		}
		p.shared = r.reason.link
		if o.Advice = r.advice; o.Advice == "" {
			o.Advice = advice(o.Verdict, o.Cause)
		}
		r.say = append(r.say, "cause: "+words[o.Cause]+" ("+sure[o.CauseConfidence]+"): "+r.reason.why)
	}
	if r.chain != nil {
		a.numbersOf(r, o)
		p.keys = append(p.keys, r.about, r.chain.tale.back, r.chain.tale.came)
	}
	if len(p.chains) > 1 {
		what := "it holds %d registrations at a time, and this is about one of them"
		if a.bodies == "no" {
			what = "it sends REGISTERs under %d Call-IDs at a time, perhaps to a primary and a secondary CUCM, and this is about one of them"
		}
		r.say = append(r.say, fmt.Sprintf(what, len(p.chains)))
	}
	o.Summary = p.name() + " " + strings.Join(r.say, ". ") + "."
	o.Summary = sentences(o.Summary)
	o.Proofs = distinct(o.Proofs)
}

// numbersOf enters the three numbers of the late REGISTER that counts: the one that was
// taken for a new registration, or else the latest.
func (a *analysis) numbersOf(r *ruling, o *Phone) {
	t := r.chain.worst()
	if r.came || r.chain.tale.back != nil {
		t = r.about
	}
	if t == nil || t.kind == KindFull {
		return
	}
	beyond := t.beyondExpires()
	if !t.isLate() && (beyond == nil || *beyond <= 0) && t.atCUCM() < slow {
		return
	}
	o.LateByS, o.BeyondExpiresS, o.BeyondGraceS = floats(t.late), floats(beyond), floats(a.beyondGrace(t))
	o.LateAt, _ = a.lateAt(r.chain, t)
}

// worst is the REGISTER that came latest beyond the phone's cadence; nil: all were on time.
func (c *chain) worst() *txn {
	var worst *txn
	for _, t := range c.txns {
		if t.isLate() && (worst == nil || *t.late > *worst.late) {
			worst = t
		}
	}
	return worst
}

func floats(ns *int64) *float64 {
	if ns == nil {
		return nil
	}
	f := math.Round(float64(*ns)/1e6) / 1e3
	return &f
}

func stamp(at int64) *time.Time {
	t := time.Unix(0, at).UTC()
	return &t
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
