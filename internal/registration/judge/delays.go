package judge

import (
	"fmt"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// delays are how long the first attempt of a lapse took on each part of its way, beyond
// what is usual there, by clocks that can be compared; -1: not known.
type delays struct {
	phone int64 // from the phone to E, by the phone's Date header
	inE   int64
	eToC  int64
	inC   int64
	atE   int64 // by how much E received it later than the phone's cadence
	atC   int64 // the same of C
}

// delaysOf measures the first attempt of a lapse.
func delaysOf(w *wire.Wire, l phone.Lapse) delays {
	d := delays{-1, -1, -1, -1, -1, -1}
	f := l.First()
	e, out, in, up := f.FirstAt(logs.PhoneToE), f.FirstAt(logs.OutOfE), f.FirstAt(logs.IntoC), f.FirstAt(logs.ToCUCM)
	if e != nil && out != nil && e.Host == out.Host {
		d.inE = w.Unstepped(out) - w.Unstepped(e)
	}
	if in != nil && up != nil && in.Host == up.Host {
		d.inC = w.Unstepped(up) - w.Unstepped(in)
	}
	if out != nil && in != nil {
		if usual, ok := usualHop(w, l.Chain, out.Host, in.Host, f); ok {
			d.eToC = w.Unstepped(in) - w.Unstepped(out) - usual
		}
	}
	d.atE = excess(w, l, logs.PhoneToE)
	d.atC = excess(w, l, logs.IntoC)
	d.phone = beforeE(w, l)
	return d
}

// usualHop is how long the way from an E to a C takes in this chain, by their two clocks.
func usualHop(w *wire.Wire, c *phone.Chain, e, to logs.Text, but *wire.Txn) (int64, bool) {
	var all []int64
	for _, t := range c.Txns {
		out, in := t.FirstAt(logs.OutOfE), t.FirstAt(logs.IntoC)
		if t != but && out != nil && in != nil && out.Host == e && in.Host == to {
			all = append(all, w.Unstepped(in)-w.Unstepped(out))
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	return wire.Median(all), true
}

// excess is by how much the gap before the first attempt, as one stage saw it, is longer
// than the cadence; -1: it did not see both ends, or not at the same host.
func excess(w *wire.Wire, l phone.Lapse, s logs.Stage) int64 {
	from, to := l.From.FirstAt(s), l.First().FirstAt(s)
	if from == nil || to == nil || from.Host != to.Host || l.Cadence == 0 {
		return -1
	}
	return max(0, w.Unstepped(to)-w.Unstepped(from)-l.Cadence)
}

// beforeE is how long the first attempt took from the phone to E, beyond what is usual,
// by its Date header. -1: that header cannot be trusted, or there is none: a phone sets
// its clock after its first REGISTER, and a Date that jumps proves nothing.
func beforeE(w *wire.Wire, l phone.Lapse) int64 {
	f := l.First()
	at, ok := lag(w, f)
	if !ok {
		return -1
	}
	var usual []int64
	near := l.Chain.Near(f)
	for _, t := range near {
		if o, ok := lag(w, t); ok {
			usual = append(usual, o)
		}
	}
	if len(usual) < 2 {
		return -1
	}
	base := wire.Median(slices.Clone(usual))
	for _, o := range usual {
		if time.Duration(o-base).Abs() > sameDate {
			return -1 // the phone's clock was set meanwhile
		}
	}
	d := at - base
	if d < -int64(2*time.Second) || d > l.Gap() || d > int64(2*time.Second) && !goesOn(w, l.Chain, f, base) {
		return -1
	}
	return max(0, d)
}

// sameDate is by how much a phone's Date may lag more or less while its clock runs on.
const sameDate = 3 * time.Second

// goesOn reports whether the phone's clock is seen unchanged after a REGISTER: only then
// a Date that lags is a delay, and no clock that was set.
func goesOn(w *wire.Wire, c *phone.Chain, f *wire.Txn, base int64) bool {
	for _, t := range c.Near(f) {
		if at, ok := lag(w, t); ok && t.Sent > f.Sent && time.Duration(at-base).Abs() <= sameDate {
			return true
		}
	}
	return false
}

// lag is by how much a REGISTER's first record is behind its own Date header.
func lag(w *wire.Wire, t *wire.Txn) (int64, bool) {
	date := t.Date()
	if date == 0 {
		return 0, false
	}
	for _, s := range []logs.Stage{logs.PhoneToE, logs.OutOfE, logs.IntoC, logs.ToCUCM} {
		if m := t.Attempts[0].At[s]; m != nil {
			return w.Steady(m) - date*int64(time.Second), true
		}
	}
	return 0, false
}

// A Loss is where a late REGISTER lost its time, in words, and how certain that is.
type Loss struct {
	Where      string // BeforeE and the like
	why        string // a sentence without its full stop; empty: there is nothing to say
	confidence string
}

// LostAt says where a late first attempt lost its time. Each claim rests on the clock of
// one host, or on two that were compared.
func LostAt(w *wire.Wire, l phone.Lapse) Loss {
	late := l.Late()
	if late == nil || l.First().FirstAt(logs.ToCUCM) == nil {
		return Loss{}
	}
	d := delaysOf(w, l)
	part := *late * 4 / 5
	switch {
	case d.inC >= part:
		return Loss{InC, fmt.Sprintf("Expressway-C held it up: it sent it on %s after it had received it", Seconds(d.inC)), Certain}
	case d.eToC >= part:
		return Loss{BetweenEAndC, fmt.Sprintf("on the way from Expressway-E to -C it took %s longer than usual", Seconds(d.eToC)), Likely}
	case d.inE >= part:
		return Loss{InE, fmt.Sprintf("Expressway-E held it up: it sent it on %s after it had received it", Seconds(d.inE)), Certain}
	case d.atE >= 0 && d.atE < part || d.inC+d.eToC+d.inE > part:
		return Loss{}
	case d.atE >= part && d.leftInTime(*late):
		return Loss{BeforeE, "the phone had sent it in time, by its Date header, and Expressway-E received it late", Likely}
	case d.atE >= part && d.leftLate(*late):
		return byItself(l)
	case d.atE >= part:
		return Loss{BeforeE, "Expressway-E received it late; where before Expressway-E the time was lost cannot be told without a Date header that can be trusted, or the phone's problem report", Likely}
	case d.atC >= part && d.leftInTime(*late):
		return Loss{Nowhere, "the phone had sent it in time, by its Date header, and Expressway-C received it late; Expressway-E's log would show where it was", Likely}
	case d.atC >= part && d.leftLate(*late):
		at := byItself(l)
		if at.confidence == CannotTell {
			at.Where = Nowhere // an earlier one may have been lost behind E as well
		}
		return at
	}
	return Loss{}
}

// dateStep is what a Date header tells: whole seconds.
const dateStep = int64(time.Second)

// leftInTime reports whether the phone's Date header shows that what came late was lost
// behind the phone, leftLate that most of it was lost before the phone sent it. Of a
// second or two it shows neither.
func (d delays) leftInTime(late int64) bool {
	return d.phone >= late*4/5 && d.phone > dateStep
}

func (d delays) leftLate(late int64) bool {
	return d.phone >= 0 && d.phone <= max(late/5, 2*dateStep) && d.phone+dateStep <= late/2
}

// byItself is a REGISTER that left the phone late. Only where no CSeq was passed over is
// it the first that the phone sent.
func byItself(l phone.Lapse) Loss {
	f := l.First()
	last := uint32(0)
	for _, at := range l.From.Attempts {
		last = max(last, at.Messages[0].CSeq)
	}
	if first := f.Attempts[0].Messages[0].CSeq; f.Timeline == l.From.Timeline && first == last+1 {
		return Loss{BeforeE, "the phone itself sent it late, by its Date header", Likely}
	}
	return Loss{BeforeE, "by its Date header this REGISTER left the phone late; whether an earlier one was lost on its way cannot be told, for its CSeq skips at least one", CannotTell}
}
