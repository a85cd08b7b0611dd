package inventory

import (
	"fmt"
	"slices"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
)

// maxComing bounds what is named one by one of what the next revision is to have.
const maxComing = 20

// withComing adds to the notes of an incident's manifest which problem reports and resets came
// since its bundle was made: the next revision has them.
func withComing(store *incident.Store, in incident.Incident, m evidence.Manifest) evidence.Manifest {
	state, err := material.Of(store, in.Key).Read()
	if err != nil {
		return m // of an incident to which nothing came there is none
	}
	var notes []string
	for _, p := range state.PRTs {
		if !slices.ContainsFunc(m.PRTs, func(o evidence.PRT) bool { return o.Path == p.Path }) {
			notes = append(notes, fmt.Sprintf("To come with the next revision: the problem report (PRT) of %s, received %s (%s).", evidence.Printable(p.Device, 100), p.Received.UTC().Format("2006-01-02 15:04:05 UTC"), evidence.Printable(p.Path, 200)))
		}
	}
	for _, r := range state.Resets {
		if !slices.ContainsFunc(m.Resets, func(o evidence.Reset) bool { return o.Device == r.Device && o.At.Equal(r.At) && o.State == r.State }) {
			notes = append(notes, fmt.Sprintf("To come with the next revision: the reset of %s by %s at %s (%s).", evidence.Printable(r.Device, 100), evidence.Printable(r.By, 100), r.At.UTC().Format("2006-01-02 15:04:05 UTC"), evidence.Printable(r.State, 40)))
		}
	}
	if more := len(notes) - maxComing; more > 0 {
		notes = append(notes[:maxComing], fmt.Sprintf("To come with the next revision: %d more problem reports and resets.", more))
	}
	m.Notes = append(slices.Clone(m.Notes), notes...)
	return m
}
