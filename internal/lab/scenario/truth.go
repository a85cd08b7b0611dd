package scenario

import "rtmtgrab/internal/lab/mra"

// Blame is where the phone with that index lost its registration, the last time that
// it came back by keep-alive; empty: it never did.
func (p *Played) Blame(phone int) mra.Hop {
	var blame mra.Hop
	for _, h := range p.Site.Happened() {
		if h.Device == p.Site.Devices()[phone] && h.What == mra.CameBack {
			blame = h.Blame
		}
	}
	return blame
}

// Cut reports whether a connection that carried the phone from its Expressway-C to
// CUCM closed or fell silent.
func (p *Played) Cut(phone int) bool {
	over := map[string]bool{}
	for _, h := range p.Site.Happened() {
		if h.Device == p.Site.Devices()[phone] && h.C != "" {
			over[h.C] = true
		}
	}
	for _, h := range p.Site.Happened() {
		if (h.What == mra.TCPClosed || h.What == mra.TCPSilent) && over[h.C] {
			return true
		}
	}
	return false
}

// Partial reports whether some but not all lines of a phone are registered at the end.
func (p *Played) Partial(phone int) bool {
	var last mra.Happening
	for _, h := range p.Site.Happened() {
		if h.Device == p.Site.Devices()[phone] {
			last = h
		}
	}
	return last.Lines > 0 && last.Lines < last.All
}

// Late reports whether the phone itself may have let too long a time pass between two
// of its attempts.
func (p *Played) Late(phone int) bool {
	for _, st := range p.Steps {
		switch st.Event.Kind {
		case mra.LateKeepAlive, mra.Silence, mra.Cadence:
			if st.Event.Phone == phone {
				return true
			}
		case mra.PeerDown, mra.NodeDown:
			return true
		}
	}
	return false
}

// Sets is how the phone with that index differs from the others.
func (p *Played) Sets(phone int) mra.PhoneConfig {
	if phone < len(p.Scenario.Site.Sets) {
		return p.Scenario.Site.Sets[phone]
	}
	return mra.PhoneConfig{}
}
