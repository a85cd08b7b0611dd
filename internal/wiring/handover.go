package wiring

import (
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// handTo are the destinations whose conditions a bundle meets. What a drill makes goes
// nowhere.
func handTo(list []config.Handover, in incident.Incident, m evidence.Manifest) (names []string) {
	if in.Kind == incident.KindDrill {
		return nil
	}
	b := config.Finished{Site: m.Site, Kind: in.AlertKind, Coverage: m.Coverage}
	if in.Kind == incident.KindNow {
		b.Kind = config.KindHand
	}
	if m.Registration != nil {
		b.Verdict = m.Registration.Verdict
	}
	for i := range list {
		if list[i].Takes(b) {
			names = append(names, list[i].Name)
		}
	}
	return names
}
