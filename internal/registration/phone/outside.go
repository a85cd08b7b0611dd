package phone

import (
	"slices"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// Apart takes out those that are no phones of CUCM's: scanners, and devices that are registered
// with an Expressway itself. Nothing of theirs was sent on, they name no device, and the host in
// their To is none to which anybody's REGISTER was sent on. Who was asked for stays, and of whom
// too little was logged.
func Apart(w *wire.Wire, all []*Phone) (phones, outside []*Phone) {
	nodes := map[logs.Text]bool{}
	for _, l := range w.Timelines {
		if slices.ContainsFunc(l.Txns, sentOn) {
			nodes[l.To] = true
		}
	}
	for _, p := range all {
		elsewhere := func(l *wire.Timeline) bool { return !nodes[l.To] }
		if len(nodes) > 0 && len(p.Txns) > 0 && p.Device == "" && p.MAC == "" && !p.Named && every(p.timelines, elsewhere) && every(p.Txns, settled) {
			outside = append(outside, p)
		} else {
			phones = append(phones, p)
		}
	}
	return phones, outside
}

func every[T any](list []T, is func(T) bool) bool {
	return !slices.ContainsFunc(list, func(v T) bool { return !is(v) })
}

// settled reports whether a REGISTER is not one of a phone of which too little was logged: its text
// was, or an Expressway itself answered it for good, and not because it could not reach the next one.
func settled(t *wire.Txn) bool {
	for _, at := range t.Attempts {
		for _, m := range at.Messages {
			if m.Is(logs.Request) && m.Is(logs.HasBody) && !m.Is(logs.Cut) {
				return true
			}
		}
	}
	return t.Marks.Own && t.Code < 500 && t.Code != 404 && t.Code != 408 && t.Code != 480
}

// sentOn reports whether a REGISTER is seen to have gone on from an Expressway, or its answer to
// have come from beyond it.
func sentOn(t *wire.Txn) bool {
	for _, at := range t.Attempts {
		for _, s := range []logs.Stage{logs.OutOfE, logs.ToCUCM, logs.FromCUCM, logs.IntoE} {
			if at.At[s] != nil {
				return true
			}
		}
	}
	return false
}
