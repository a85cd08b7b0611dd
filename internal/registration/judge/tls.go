package judge

import (
	"fmt"
	"net/netip"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// failing says that connections from the address of a phone to Expressway-E failed in a span because
// of their TLS; empty: none did. Other devices may have that address.
func failing(w *wire.Wire, t *wire.Txn, from, to int64) (string, []logs.Proof) {
	var m *logs.Message
	for _, s := range []logs.Stage{logs.PhoneToE, logs.EToPhone} {
		if m == nil {
			m = t.Last.At[s]
		}
	}
	if m == nil {
		return "", nil
	}
	addr := w.Texts.AddrPort(m.Far).Addr()
	failed := failedFrom(w, addr, m.Host, from, to)
	if len(failed) == 0 {
		return "", nil
	}
	why := w.Texts.Of(failed[0].Reason)
	return fmt.Sprintf("%s from its address %s failed at Expressway-E, the first at %s (%s)", human.Plural(len(failed), "connection"), addr, Clock(failed[0].At), why), []logs.Proof{failed[0].Shows(why)}
}

// failedFrom are the connections of a caller that failed in a span because of their TLS, as a host
// logged them.
func failedFrom(w *wire.Wire, caller netip.Addr, at logs.Text, from, to int64) []logs.TCPRecord {
	var out []logs.TCPRecord
	for _, f := range w.TLSFailures[caller] {
		if f.Host == at && f.At > from && f.At <= to {
			out = append(out, f)
		}
	}
	return out
}

// tlsToCUCM is why C did not send a REGISTER on to CUCM, where it answered it itself and its TLS
// failed meanwhile; false: it did not, or not as far as is known.
func tlsToCUCM(w *wire.Wire, t *wire.Txn) (Reason, bool) {
	in, answer := t.Last.At[logs.IntoC], t.Last.At[logs.OutOfC]
	if in == nil || answer == nil || t.Last.SentUp != nil || !t.Marks.Own || refusal(t.Code) {
		return Reason{}, false
	}
	for _, f := range failedFrom(w, w.Texts.AddrPort(in.Local).Addr(), in.Host, in.At-int64(time.Second), answer.At+int64(time.Second)) {
		to := w.Texts.AddrPort(f.Dst)
		if p := to.Port(); p == 5060 || p == 5061 {
			why := w.Texts.Of(f.Reason)
			return Reason{Cause: CauseUnknown, Confidence: Likely, Where: BetweenCAndCUCM, Proofs: []logs.Proof{f.Shows(why)},
				Why: fmt.Sprintf("Expressway-C received a REGISTER at %s and answered %s itself, for its connection to %s had failed (%s)", Clock(w.Steady(in)), answerWords(w, t), to, why)}, true
		}
	}
	return Reason{}, false
}

// withFailing adds to a reason that may lie before Expressway-E that the phone's connections failed
// there meanwhile.
func (r Reason) withFailing(w *wire.Wire, t *wire.Txn, from, to int64) Reason {
	if r.Cause != CausePath && r.Cause != CauseUnknown && (r.Cause != CauseLate || r.Where != BeforeE) {
		return r
	}
	if what, shows := failing(w, t, from, to); what != "" {
		r.Why += "; " + what
		r.Proofs = append(r.Proofs, shows...)
	}
	return r
}
