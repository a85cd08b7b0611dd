package mra

import "time"

// A Hop is a stretch of a REGISTER's way, or a place on it.
type Hop string

// The hops, in the order of the way.
const (
	HopPhone  Hop = "phone"   // the phone itself sent it late
	HopE      Hop = "phone-E" // between the phone and Expressway-E
	HopInE    Hop = "E"       // Expressway-E did not send it on
	HopEToC   Hop = "E-C"     // between E and C; a frozen C looks the same
	HopC      Hop = "C"       // C did not send it on in time
	HopToCUCM Hop = "C-CUCM"  // between C and CUCM
	HopCUCM   Hop = "CUCM"    // CUCM did not answer, or failed
)

// attempts are the REGISTERs to the primary since the last success.
type attempts struct {
	all   []*attempt
	since time.Time // the last success, at CUCM
	cutBy Hop       // why CUCM forgot the phone, if not by time
}

// An attempt is when one REGISTER was where; the zero time: never.
type attempt struct {
	sent, atE, sentToC, atC, sentUp, atCUCM time.Time
}

// begin notes an attempt that the phone sent at the time at.
func (as *attempts) begin(at time.Time) *attempt {
	a := &attempt{sent: at}
	as.all = append(as.all, a)
	return a
}

// reach notes where the message is: HopE stands for its coming to E, HopEToC for its
// leaving, HopC for its coming to C, HopToCUCM for its leaving, HopCUCM for CUCM.
func (a *attempt) reach(hop Hop, now time.Time) {
	*map[Hop]*time.Time{HopE: &a.atE, HopEToC: &a.sentToC, HopC: &a.atC, HopToCUCM: &a.sentUp, HopCUCM: &a.atCUCM}[hop] = now
}

// blame is the hop that cost the phone its registration: the first behind which no
// attempt was in time, which is so long after the last success.
func (as *attempts) blame(within time.Duration) Hop {
	if as.cutBy != "" {
		return as.cutBy
	}
	deadline := as.since.Add(within)
	inTime := func(when func(*attempt) time.Time) bool {
		for _, a := range as.all {
			if t := when(a); !t.IsZero() && t.Before(deadline) {
				return true
			}
		}
		return false
	}
	for _, h := range []struct {
		hop  Hop
		when func(*attempt) time.Time
	}{
		{HopPhone, func(a *attempt) time.Time { return a.sent }}, {HopE, func(a *attempt) time.Time { return a.atE }},
		{HopInE, func(a *attempt) time.Time { return a.sentToC }}, {HopEToC, func(a *attempt) time.Time { return a.atC }},
		{HopC, func(a *attempt) time.Time { return a.sentUp }}, {HopToCUCM, func(a *attempt) time.Time { return a.atCUCM }},
	} {
		if !inTime(h.when) {
			return h.hop
		}
	}
	return HopCUCM
}
