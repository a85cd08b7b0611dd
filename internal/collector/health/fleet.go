package health

import (
	"cmp"
	"slices"
	"strings"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/fleet/alerts"
	"rtmtgrab/internal/fleet/member"
	"rtmtgrab/internal/redact"
)

// ReportFleet says how it stands with the collector's place among others. alone: alerts come by
// the fleet and no other way.
func ReportFleet(r *status.Report, m member.State, x alerts.State, alone bool) {
	if !m.Member && x.Waiting == 0 {
		return
	}
	f := &status.Fleet{Tenant: m.Tenant, Name: m.Name, Hub: status.HubConnected, Since: m.Since.UTC(), Outbox: x.Waiting, Bytes: x.Bytes, Oldest: x.Oldest.UTC(), Full: x.Full.UTC(),
		Unsent: x.Unsent, Refused: x.Refused + x.Aside, Alone: alone}
	switch {
	case !m.Member: // what waits from when it had a place
		f.Left, f.Hub, f.Why = true, status.HubDown, "the configuration has no fleet: any more, and alerts wait for it"
	case m.Down != nil:
		f.Hub, f.Why = status.HubDown, redact.Foreign(m.Down.Error(), 300)
	default:
		f.Expires = m.Expires.UTC()
		for _, w := range m.Failing {
			f.Failing = append(f.Failing, status.FleetFailure{What: w.Worker, Error: redact.Foreign(w.Err.Error(), 300), Since: w.Since.UTC()})
		}
		for _, d := range x.Deaf {
			f.Failing = append(f.Failing, status.FleetFailure{What: "site " + d.Site, Site: d.Site, Error: redact.Foreign(d.Err.Error(), 300), Since: d.Since.UTC()})
		}
		for _, b := range x.Behind {
			f.Behind = append(f.Behind, status.FleetBehind{Sites: b.Sites, Waiting: b.Waiting, Heard: b.Since.UTC(), LastsS: b.Lasts.Seconds(), LeftS: b.Left.Seconds(), WaitS: b.Wait.Seconds(), Beside: b.Fresh})
		}
	}
	slices.SortFunc(f.Failing, func(a, b status.FleetFailure) int {
		return cmp.Or(strings.Compare(a.What, b.What), a.Since.Compare(b.Since))
	})
	r.Fleet = f
	status.JudgeFleet(r)
}
