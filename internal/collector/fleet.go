package collector

import "rtmtgrab/internal/fleet/member"

// newFleet is what a collector does by the hub of its fleet.
func newFleet(w *Collector) *member.Member {
	return &member.Member{Options: member.Options, Log: w.log}
}
