package judge

import (
	"fmt"

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
	n := 0
	var first *logs.TCPRecord
	for i := range w.TLSFailures[addr] {
		if f := &w.TLSFailures[addr][i]; f.At > from && f.At <= to {
			n++
			if first == nil {
				first = f
			}
		}
	}
	if first == nil {
		return "", nil
	}
	why := w.Texts.Of(first.Reason)
	return fmt.Sprintf("%s from its address %s failed at Expressway-E, the first at %s (%s)", human.Plural(n, "connection"), addr, Clock(first.At), why), []logs.Proof{first.Shows(why)}
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
