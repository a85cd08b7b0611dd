package health

import (
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/prt/filing"
)

// ReportPRT says how it stands with phones' problem reports.
func ReportPRT(r *status.Report, st filing.State) {
	if st.Listen == "" {
		return
	}
	p := &status.PRT{Listen: st.Listen, TLS: st.TLS, Works: st.Addr != "", Error: evidence.Printable(st.Error, 300), Since: st.Since, Waiting: len(st.Waiting), WaitingBytes: st.Bytes,
		Received: st.Counts.Received, Repeated: st.Counts.Repeated, Refused: st.Counts.Refused, Last: []status.PRTRefused{}}
	if p.Refused == nil {
		p.Refused = map[string]int64{}
	}
	if len(st.Waiting) > 0 {
		p.Oldest = st.Waiting[0].Received
	}
	for _, f := range st.Counts.Last[:min(len(st.Counts.Last), 20)] {
		p.Last = append(p.Last, status.PRTRefused{Time: f.Time, From: f.From, Device: f.Device, Reason: f.Reason, What: f.What})
	}
	r.PRT = p
	status.JudgePRT(r)
}

// ReportLate says for which sealed incidents something came that no bundle has yet.
func ReportLate(r *status.Report, store *incident.Store, pace incident.Late) {
	list, err := material.Queue(store)
	if err != nil {
		r.Notes = append(r.Notes, "what came late to sealed incidents cannot be listed: "+evidence.Printable(err.Error(), 200))
	}
	for _, q := range list {
		in, err := store.Read(q.Key)
		if err != nil || in.State != incident.Sealed {
			continue // it is being worked at, and told of as open
		}
		r.Late = append(r.Late, status.Late{Incident: in.ID, Since: q.First, Due: runner.LateDue(pace, q, in), Tries: q.Tries, Error: evidence.Printable(q.Error, 300)})
	}
	status.JudgeLate(r)
}
