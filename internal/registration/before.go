package registration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/phone"
)

// maxBefore bounds the phones of earlier bundles that a report speaks of.
const maxBefore = 200

// before are the phones of earlier bundles that these logs do not show to have registered in
// full, or to have left, since; and that are no candidates of these logs themselves.
func before(o Options, phones []*phone.Phone, rulings []*judge.Ruling) (open []evidence.PastPhone) {
	candidates := 0
	for _, r := range rulings {
		if partialNow(r) {
			candidates++
		}
	}
	for _, b := range o.Before {
		i := slices.IndexFunc(phones, func(p *phone.Phone) bool { return isOf(p, b) })
		if len(open) == maxBefore || i >= 0 && (partialNow(rulings[i]) || over(phones[i], b.At)) {
			continue
		}
		b.Device, b.Incident = evidence.Printable(b.Device, 100), evidence.Printable(b.Incident, 200)
		open = append(open, b)
	}
	for i := range open {
		b := &open[i]
		b.Confidence = CannotTell
		if n, ok := counted(o.Alerts); ok && n == candidates+len(open) {
			b.Confidence = Likely // RTMT counts it too
		}
		b.Summary = b.Device + " " + pastWords(*b) + "."
	}
	return open
}

func partialNow(r *judge.Ruling) bool {
	return r.Verdict == VerdictPartial || r.Verdict == PhoneCameBack
}

// isOf reports whether a phone is the one of an earlier bundle, by device or MAC.
func isOf(p *phone.Phone, b evidence.PastPhone) bool {
	return (p.Device != "" || p.MAC != "") && !slices.Contains(p.Numbers, b.Device) && p.IsNamed(b.Device)
}

// over reports whether a phone registered in full after a time, or left by itself.
func over(p *phone.Phone, at time.Time) bool {
	for _, c := range p.Chains {
		if f := c.History.Full; f != nil && !f.Marks.Rejected && time.Unix(0, f.OK).After(at) {
			return true
		}
		if g := c.History.Gone; g != nil && time.Unix(0, g.Sent).After(at) {
			return true
		}
	}
	return false
}

// registeredAt is when a phone registered in full last; nil: these logs do not show that.
func registeredAt(p *phone.Phone) *time.Time {
	var last int64
	for _, c := range p.Chains {
		if f := c.History.Full; f != nil && !f.Marks.Rejected {
			last = max(last, f.OK)
		}
	}
	if last == 0 {
		return nil
	}
	return stamp(last)
}

// counted is RTMT's counter in the newest alert that has one.
func counted(alerts []evidence.Alert) (n int, ok bool) {
	newest := slices.SortedFunc(slices.Values(alerts), func(a, b evidence.Alert) int { return b.Time.Compare(a.Time) })
	for _, a := range newest {
		if a.Count != nil {
			return *a.Count, true
		}
	}
	return 0, false
}

// pastWords say what an earlier bundle shows of a phone.
func pastWords(b evidence.PastPhone) string {
	what := "came back by keep-alive"
	if b.Verdict == VerdictPartial {
		what = "went partial"
	}
	return fmt.Sprintf("%s at %s in an earlier bundle, %s, and has not registered in full since, as far as the bundles show", what, b.At.UTC().Format("2006-01-02 15:04:05 UTC"), b.Incident)
}

// remember has a ruling on a phone say what an earlier bundle shows of it: such a phone is
// not called registered because nothing happened to it here.
func remember(r *judge.Ruling, open []evidence.PastPhone, p *phone.Phone) (*judge.Ruling, *evidence.PastPhone) {
	i := slices.IndexFunc(open, func(b evidence.PastPhone) bool { return isOf(p, b) })
	if i < 0 {
		return r, nil
	}
	b, out := open[i], *r
	if out.Verdict == PhoneRegistered || out.Verdict == VerdictRecovered {
		out.Verdict, out.Confidence = VerdictUnknown, CannotTell
	}
	out.Claims = append([]judge.Claim{{Text: pastWords(b), Confidence: b.Confidence}}, r.Claims...)
	return &out, &b
}

// AdviceBefore is for a phone whose trouble is older than these logs.
const AdviceBefore = collect + "Then look in CUCM whether all its lines are registered; if not, reset the phone."

// recalled is what the sentence on the whole says of earlier bundles, beside RTMT's counter.
func recalled(o Options, open []evidence.PastPhone, candidates int) string {
	if len(open) == 0 {
		return ""
	}
	s := "; "
	if n, ok := counted(o.Alerts); ok && n > candidates {
		s += fmt.Sprintf("the alert counts %d, this window shows %s, and ", n, cmp.Or(map[int]string{0: "no candidate", 1: "one candidate"}[candidates], human.Plural(candidates, "candidate")))
	}
	if len(open) == 1 {
		return s + open[0].Device + " " + pastWords(open[0])
	}
	var names []string
	for _, b := range open[:min(len(open), 5)] {
		names = append(names, b.Device)
	}
	if more := len(open) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return s + fmt.Sprintf("%s of earlier bundles have not registered in full since, as far as the bundles show: %s", human.Plural(len(open), "phone"), strings.Join(names, ", "))
}
