//go:build linux

package chaos

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/owner/claims"
	"rtmtgrab/internal/incident"
)

// copies are what collectors had of the logs around alerts when they had copied, by alert and collector:
// of the seconds that the alert is about, by the hosts' clocks, which are right here.
type copies map[string]map[string]fleet.Has

// look notes what each collector has of its open incidents that stand by.
func (c copies) look(r *fleetRig) {
	for _, m := range r.all {
		keys, err := m.store().Keys()
		if err != nil {
			continue // not begun yet
		}
		for _, key := range keys {
			in, err := m.store().Read(key)
			if err != nil || in.State == incident.Sealed || !in.Fleet.Standing {
				continue
			}
			var rows []evidence.Host
			for _, ref := range in.Hosts {
				if h, err := m.store().ReadHost(key, ref.Name); err == nil && h.Asked() {
					rows = append(rows, h.Result)
				}
			}
			for _, a := range in.Members {
				if c[a.Alert] == nil {
					c[a.Alert] = map[string]fleet.Has{}
				}
				c[a.Alert][m.name] = around(a.Time, in.Asked, rows)
			}
		}
	}
}

// around is what of an alert's own window is in the logs of hosts that were asked for a window, both
// by the collector's clock: as spans of the hosts' own time.
func around(at time.Time, asked evidence.Window, hosts []evidence.Host) fleet.Has {
	has := fleet.Has{}
	for _, h := range hosts {
		offset := time.Duration(0)
		if h.ClockOffsetMS != nil {
			offset = time.Duration(*h.ClockOffsetMS) * time.Millisecond
		}
		h.ClockOffsetMS = nil
		for log, spans := range claims.HasOf(asked, []evidence.Host{h}) {
			for _, s := range spans {
				from, to := evidence.Later(s.Since.Add(offset), at.Add(-fleetBefore)), evidence.Earlier(s.Until.Add(offset), at.Add(fleetAfter))
				if from.Before(to) {
					has[log] = append(has[log], fleet.Span{Since: from, Until: to})
				}
			}
		}
	}
	return has
}

// account holds that bundles have of each alert's window what any collector had when it had copied: whosever
// they are, for of an incident that two have some alerts may be one's and some the other's. full is of how
// many alerts they have all.
func (c copies) account(r *fleetRig, sent map[string]time.Time) (full int) {
	r.t.Helper()
	bundles := r.manifests()
	said := 0
	for alert, at := range sent {
		final := fleet.Has{}
		for _, m := range bundles {
			for log, spans := range around(at, m.Asked, m.Hosts) {
				final[log] = append(final[log], spans...)
			}
		}
		for name, had := range c[alert] {
			if claims.Covers(final, had) {
				continue
			}
			if said++; said <= 10 {
				r.t.Errorf("alert %.12s at %v: %s had copied %v, and in bundles there is %v", alert, at, name, had, final)
			}
		}
		if wholly(final, len(r.peers)) {
			full++
		}
	}
	if said > 10 {
		r.t.Errorf("and so on, %d in all", said)
	}
	return full
}

// manifests are those of all sealed incidents of all collectors.
func (r *fleetRig) manifests() (all []evidence.Manifest) {
	for _, m := range r.all {
		keys, err := m.store().Keys()
		r.check(err)
		for _, key := range keys {
			in, err := m.store().Load(key)
			if err != nil || in.State != incident.Sealed {
				continue
			}
			manifest, err := m.store().ManifestFile(key, in.Revision).Read()
			r.check(err)
			all = append(all, manifest)
		}
	}
	return all
}

// wholly reports whether every log of the hosts has all of an alert's window, but for claims.Slack.
func wholly(has fleet.Has, hosts int) bool {
	logs := 0
	for _, spans := range has {
		var n time.Duration
		var until time.Time
		slices.SortFunc(spans, func(a, b fleet.Span) int { return a.Since.Compare(b.Since) })
		for _, s := range spans {
			n += max(0, s.Until.Sub(evidence.Later(s.Since, until)))
			until = evidence.Later(until, s.Until)
		}
		if n >= fleetBefore+fleetAfter-claims.Slack {
			logs++
		}
	}
	return logs == hosts*3
}
