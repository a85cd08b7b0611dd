package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// draft is the manifest of an incident as far as it has come.
func draft(st *incident.Store, in incident.Incident) (evidence.Manifest, error) {
	var states []incident.HostState
	for _, ref := range in.Hosts {
		h, err := st.ReadHost(in.Key, ref.Name)
		if err != nil {
			return evidence.Manifest{}, err
		}
		states = append(states, h)
	}
	m, err := Assemble(st, in, states, nil)
	if !in.Frozen && in.Stopped.IsZero() {
		toCome(&m, states)
	}
	return m, err
}

// toCome tells what an incident lacks because its hosts are looked at again, or would have been
// if nobody had stopped it, from what it will never have: the bundle gives that its reason.
func toCome(m *evidence.Manifest, states []incident.HostState) {
	for i := range m.Hosts {
		looked := m.Asked.Since // the last look began here
		if n := len(states[i].Attempts); n > 0 {
			looked = states[i].Attempts[n-1].Began
		}
		for j := range m.Hosts[i].Files {
			f := &m.Hosts[i].Files[j]
			f.Missing = endToCome(f.Missing, m.Asked, looked)
		}
	}
}

// endToCome is the missing spans of a file; the one up to the window's end is to come, as far
// as it was not there yet at the last look.
func endToCome(missing []evidence.Span, asked evidence.Window, looked time.Time) []evidence.Span {
	n := len(missing) - 1
	if n < 0 || missing[n].Until.Before(asked.Until) {
		return missing
	}
	end := missing[n]
	switch end.Reason {
	case evidence.ReasonRotated:
		if end.Since.After(asked.Since) {
			looked = end.Since // the live log is open: it ended there
		}
	case evidence.ReasonUnreachable:
	default:
		return missing // a later look does not help
	}
	from := evidence.Later(end.Since, looked)
	if !from.Before(end.Until) {
		return missing
	}
	split := append(slices.Clone(missing[:n]), evidence.Span{Since: end.Since, Until: from, Reason: end.Reason}, evidence.Span{Since: from, Until: end.Until, Reason: evidence.ReasonToCome})
	return evidence.Merge(asked, split)
}

// Assemble makes the manifest of what is known: states are the hosts' in the order
// of in.Hosts, configured holds the addresses of all configured hosts.
func Assemble(st *incident.Store, in incident.Incident, states []incident.HostState, configured []string) (evidence.Manifest, error) {
	m := evidence.Manifest{
		Incident: in.ID, Revision: in.Revision, Site: in.Site, TimeZone: in.TimeZone, Reason: in.Reason, Case: in.Case,
		PhonesNamed: in.Phones, Asked: in.Asked, RequestedBy: evidence.Printable(cmp.Or(in.By, in.User), 100),
	}
	m.Timing.Claimed = in.Created
	if err := addAlerts(st, &m, in); err != nil {
		return m, err
	}
	var widen int64
	for i, h := range states {
		result := h.Result
		switch {
		case !h.Asked():
			ref := in.Hosts[i]
			result = evidence.Host{Host: ref.Name, Role: ref.Role, Address: ref.Address, ClockFrom: "none", Error: "not asked yet"}
			result = evidence.Lacking(result, in.Families, in.Asked, evidence.ReasonUnreachable)
		case !incident.SameWindow(h.Judged, in.Asked):
			result = Stretched(result, h.Judged, in.Asked)
		}
		result.Files = slices.Clone(result.Files)
		if n := len(h.Attempts); n > 0 {
			result.Began, result.Ended = h.Attempts[0].Began, h.Attempts[n-1].Ended
		}
		m.Hosts = append(m.Hosts, result)
		widen = max(widen, result.WidenedMS)
		m.Timing.Held, m.Timing.Copied = evidence.Later(m.Timing.Held, h.Held), evidence.Later(m.Timing.Copied, h.Copied)
	}
	m.Window = in.Asked.Widen(time.Duration(widen) * time.Millisecond)
	m.Notes = slices.Concat(incidentNotes(in), fleetNotes(in), hostNotes(states), unknownPeers(m.Hosts, in.Hosts, configured))
	if !in.Stopped.IsZero() {
		toCome(&m, states) // and did not: nobody looked again
		m.Notes = append(m.Notes, "stopped by hand at "+in.Stopped.Format(time.RFC3339)+": grab did not wait for what was still missing")
	}
	m.Conclude()
	return m, nil
}

// addAlerts puts the members' alerts in, in alert order, and what follows from them.
func addAlerts(st *incident.Store, m *evidence.Manifest, in incident.Incident) error {
	for i, alert := range in.AlertIDs() {
		rec, err := st.Alert(alert)
		if err != nil {
			return fmt.Errorf("alert of incident %s: %w", in.ID, err)
		}
		a := rec.Alert
		a.File = ""
		if st.HasMail(a.ID) {
			a.File = "alerts/" + a.Time.UTC().Format("20060102T150405Z") + "-" + a.ID[:12] + a.FileEnding()
		}
		m.Alerts = append(m.Alerts, a)
		if i == 0 || rec.Seen.Before(m.Timing.Seen) { // what was read first started it
			m.Timing.Seen, m.Timing.Mail = rec.Seen, time.Time{}
			if a.Received != nil {
				m.Timing.Mail = a.Received.UTC()
			}
		}
		if i == 0 {
			m.Timing.Alert = a.Time
		}
		if i == 0 && m.Reason == "" {
			m.Reason = strings.TrimSpace("alert " + evidence.Printable(a.Name, 80))
			if a.Node != "" {
				m.Reason += " on node " + evidence.Printable(a.Node, 80)
			}
		}
	}
	return nil
}

// Stretched says of a result that was judged against was that nothing was got of what
// a wider window has more.
func Stretched(result evidence.Host, was, w evidence.Window) evidence.Host {
	files := make([]evidence.File, len(result.Files))
	copy(files, result.Files)
	for i := range files {
		f := &files[i]
		reason := evidence.ReasonUnreachable
		if n := len(f.Missing); n > 0 {
			reason = f.Missing[n-1].Reason
		}
		missing := append([]evidence.Span{{Since: w.Since, Until: was.Since, Reason: reason}, {Since: was.Until, Until: w.Until, Reason: reason}}, f.Missing...)
		f.Missing = evidence.Merge(w, missing)
		f.Coverage = evidence.Judge(w, f.Missing)
	}
	result.Files = files
	result.Conclude()
	return result
}

// Of reads the manifest of the incident's newest sealed (or sealing)
// revision, or drafts one of what was got so far.
func Of(st *incident.Store, in incident.Incident) (evidence.Manifest, error) {
	if in.Frozen {
		m, there, err := st.ManifestFile(in.Key, in.Revision).Load()
		if there || err != nil {
			return m, err
		}
	}
	return draft(st, in)
}
