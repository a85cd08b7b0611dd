package runner

import (
	"errors"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
)

// resume reads what is known of a host. A record that is damaged costs that host's row
// alone: it is set aside, which `status` tells, and the host is asked anew; what was copied
// of it has a record of its own. A bundle that is only to be made again takes the row of
// the one before.
func (h *hostRun) resume(ref incident.HostRef) (err error) {
	u := h.run
	h.state, err = u.r.Store.LoadHost(u.key, ref.Name)
	if _, damaged := errors.AsType[*atomicfile.DamagedError](err); !damaged {
		return err
	}
	aside, err2 := u.r.Store.SetHostAside(u.key, ref.Name)
	if err2 != nil {
		return errors.Join(err, err2)
	}
	u.r.log().Error("what was known of a host is damaged, and set aside; it is asked anew", "incident", u.id, "host", ref.Name, "file", aside, "err", err)

	now, w := u.r.now().UTC().Round(0), evidence.NewWindow(u.inc.Asked.Since, u.inc.Asked.Until)
	row := evidence.Host{Host: ref.Name, Role: ref.Role, Address: ref.Address, ClockFrom: "none"}
	h.saved = false
	h.state = incident.HostState{Judged: w, Result: evidence.Lacking(row, u.inc.Families, w, evidence.ReasonUnreachable),
		Attempts: []incident.Attempt{{Began: now, Ended: now, What: "resume", Error: "what was known of it on this machine was damaged, and is set aside"}}}
	if !u.inc.ReportOnly() {
		return nil
	}
	last, err := manifest.Last(u.r.Store, u.inc)
	if err != nil {
		return err
	}
	for _, before := range last.Hosts {
		if before.Host == ref.Name {
			h.state.Result = before
		}
	}
	return nil
}
