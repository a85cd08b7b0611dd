package wiring

import (
	"fmt"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/folder"
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

// NewSink is what delivers to a destination.
func NewSink(_ *config.Config, h *config.Handover) (sink.Sink, error) {
	if h.Folder != "" {
		return folder.New(h.Folder), nil
	}
	return nil, fmt.Errorf("%s: not yet", h.Sink())
}
