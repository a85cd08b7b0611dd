package manifest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

func incidentNotes(in incident.Incident) []string {
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if in.By != "" {
		add("requested by %s through grab watch", evidence.Printable(in.By, 100))
	}
	if n := len(in.Members); n > 1 {
		news := 0
		for _, m := range in.Members[1:] {
			if m.Why != incident.WhyJoined {
				news++
			}
		}
		add("%d more alerts joined this incident, %d of them with news", n-1, news)
	}
	if !in.Opened.Since.IsZero() && !incident.SameWindow(in.Opened, in.Asked) {
		add("the window was %s to %s when the first host was asked; later alerts widened it", stamp(in.Opened.Since), stamp(in.Opened.Until))
	}
	if len(in.Aliases) > 0 {
		add("this incident was also known as %s", strings.Join(in.Aliases, ", "))
	}
	if n := in.Starts - len(in.Revisions); n > 1 {
		add("work on this incident was interrupted and resumed %d times", n-1)
	}
	for _, n := range in.Unrecorded() {
		add("revision %d was there already, sealed by a record that is lost: what it has is not in this one", n)
	}
	for _, r := range in.Revisions {
		if r.Found {
			continue
		}
		add("revision %d, sealed %s, was %s: this one has everything it had", r.Revision, stamp(r.Sealed), r.Coverage)
	}
	return notes
}

func hostNotes(states []incident.HostState) []string {
	var notes []string
	for _, h := range states {
		for _, n := range h.Result.Notes {
			notes = append(notes, h.Result.Host+": "+n)
		}
		bad, first := 0, ""
		for _, a := range h.Attempts {
			if a.Error != "" {
				if bad++; bad == 1 {
					first = a.Error
				}
			}
		}
		cause := evidence.Unnamed(h.Result.Host, first)
		switch name, known := h.Result.Host+": ", first == h.Result.Error; {
		case bad == 0, bad == 1 && known: // its row says it
		case bad == 1:
			notes = append(notes, name+"one attempt failed: "+cause)
		case known:
			notes = append(notes, fmt.Sprintf("%s%d of %d attempts failed", name, bad, len(h.Attempts)))
		default:
			notes = append(notes, fmt.Sprintf("%s%d of %d attempts failed; the first: %s", name, bad, len(h.Attempts), cause))
		}
	}
	return notes
}

// unknownPeers names the peers that logs mention and no host configures.
func unknownPeers(hosts []evidence.Host, refs []incident.HostRef, configured []string) []string {
	known := map[string]bool{}
	for _, a := range configured {
		known[evidence.BareAddress(a)] = true
	}
	for _, r := range refs {
		known[evidence.BareAddress(r.Address)] = true
	}
	for _, r := range hosts {
		known[evidence.BareAddress(r.Address)] = true
		for _, a := range r.OwnAddresses {
			known[evidence.BareAddress(a)] = true
		}
	}
	by := map[string][]string{}
	for _, r := range hosts {
		for _, a := range r.PeersNamed {
			if a = evidence.BareAddress(a); a != "" && !known[a] && !slices.Contains(by[a], r.Host) {
				by[a] = append(by[a], r.Host)
			}
		}
	}
	var notes []string
	for a, names := range by {
		notes = append(notes, fmt.Sprintf("peer %s appears in the logs of %s but is not configured: its logs are not in this bundle", evidence.Printable(a, 100), strings.Join(names, ", ")))
	}
	slices.Sort(notes)
	return notes
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// fleetNotes say in the manifest what other collectors have to do with the incident.
func fleetNotes(in incident.Incident) (notes []string) {
	f := in.Fleet
	if f.Unclaimed {
		notes = append(notes, "unclaimed: sealed while no hub of the fleet could be asked; another collector of the site may have sealed the same alerts")
	}
	for _, l := range f.SupplementOf {
		if f.InPlace {
			notes = append(notes, fmt.Sprintf("in place of incident %s, which has its alerts and the same logs, and was not delivered when nothing more was heard of that collector", incident.LinkWords(l)))
			continue
		}
		notes = append(notes, fmt.Sprintf("supplement of incident %s, which has its alerts: this bundle has logs that the other lacks", incident.LinkWords(l)))
	}
	for _, e := range f.Elsewhere {
		if len(f.SupplementOf) == 0 {
			notes = append(notes, fmt.Sprintf("alert %.12s is in incident %s, not in this one", e.Alert, incident.LinkWords(e.Link)))
		}
	}
	return notes
}
