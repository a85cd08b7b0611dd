package health

import (
	"slices"

	"rtmtgrab/internal/app/reset"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// ReportResets says how phones are that were reset lately.
func ReportResets(r *status.Report, store *incident.Store) {
	list, err := reset.Records(store)
	if err != nil {
		r.Notes = append(r.Notes, "what became of resets cannot be read: "+evidence.Printable(err.Error(), 200))
	}
	for _, rec := range list {
		for _, x := range rec.Resets {
			r.Resets = append(r.Resets, status.Reset{Incident: rec.Incident, Reset: x})
		}
	}
	slices.SortFunc(r.Resets, func(a, b status.Reset) int { return a.At.Compare(b.At) })
	status.JudgeResets(r)
}
