package health

import (
	"maps"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
	"rtmtgrab/internal/redact"
)

// proofNote is what the last proof of a host has shown.
type proofNote struct {
	at       time.Time
	fault    fault         // of the host
	ahead    time.Duration // of its newest record, by its own clock
	families map[string]familyProof
}

// familyProof is what it has shown of one family.
type familyProof struct {
	at     time.Time
	newest time.Time // by this machine's clock
	fault  fault
}

// fault is what is wrong, and since when.
type fault struct {
	what  string
	since time.Time
}

// next is the fault that follows f, for an error that was found at a time.
func (f fault) next(err error, at time.Time) fault {
	if err == nil {
		return fault{}
	}
	since := at
	if f.what != "" {
		since = f.since
	}
	return fault{redact.Foreign(err.Error(), 300), since}
}

// Proven notes what a proof has shown, and remembers how far the logs were.
func (n *hostNotes) Proven(host string, p logset.Proof) {
	n.Depths(host, p.Depths)
	marks := map[string]growth.Mark{}
	n.change(host, func(h *hostNote) {
		was := h.proof
		h.proof = proofNote{at: p.At.UTC(), fault: was.fault.next(p.Err, p.At.UTC()), families: maps.Clone(was.families)} // a reader may have it
		if h.proof.families == nil {
			h.proof.families = map[string]familyProof{}
		}
		for _, f := range p.Families {
			if !f.Newest.IsZero() {
				h.proof.ahead = max(h.proof.ahead, f.Newest.Sub(p.At))
			}
			fp := familyProof{at: p.At.UTC(), fault: was.families[f.Family].fault.next(f.Err, p.At.UTC())}
			if !f.Newest.IsZero() {
				fp.newest = evidence.Clamp(f.Newest.Add(-offset(h.clock))).UTC()
			}
			h.proof.families[f.Family] = fp
			if f.Err == nil {
				marks[f.Family] = growth.Mark{Newest: f.Newest.UTC(), Size: f.Size}
			}
		}
	})
	if len(marks) > 0 && n.Growth != nil {
		n.Growth.Observe(host, p.At, marks)
	}
}

// Unproven forgets what was proven of a host: it may be another machine now.
func (n *hostNotes) Unproven(host string) {
	n.change(host, func(h *hostNote) { h.proof = proofNote{} })
}

func offset(ms *int64) time.Duration {
	if ms == nil {
		return 0
	}
	return time.Duration(*ms) * time.Millisecond
}

// Clock remembers a host's clock as a keeper has measured it.
func (n *hostNotes) Clock(host string, at time.Time, s hostconn.KeeperState) {
	if !s.Up || s.Clock == nil || s.ClockErr != nil {
		return
	}
	ms := s.Clock.Milliseconds()
	n.change(host, func(h *hostNote) { h.clock = &ms })
	if n.Growth != nil {
		n.Growth.Measured(host, growth.Clock{At: at, Offset: *s.Clock, Doubt: s.Doubt})
	}
}

// prove puts into a host's status what its proofs have shown. peers are the other hosts of
// its sites, before is how far back an alert reaches.
func (n *hostNotes) prove(st *status.Host, h *config.Host, note hostNote, peers []string, w evidence.Window) {
	p := note.proof
	st.Proven, st.ProofError, st.ProofSince = p.at, p.fault.what, p.fault.since
	st.Known = evidence.Later(note.seen, p.at)
	st.Failed, st.FailedAt = note.failed.what, note.failed.since
	if st.Ring != nil {
		st.Known = evidence.Later(st.Known, st.Ring.Last)
	}
	if unknown := !h.SSH.Commands || st.ClockMS == nil || st.ClockError != ""; unknown && p.ahead > logset.UnknownClock {
		st.AheadS = p.ahead.Seconds()
	}
	for _, name := range h.Logs.Families {
		f := status.Family{Name: name}
		if known, ok := note.families[name]; ok {
			f = known
		} else if _, proven := p.families[name]; !proven {
			continue
		}
		if fp, ok := p.families[name]; ok {
			f.Proven, f.Newest, f.Error, f.Since = fp.at, fp.newest, fp.fault.what, fp.fault.since
			f.Growth = growthOf(n.Growth.Now(h.Name, name, peers))
		}
		st.Families = append(st.Families, f)
	}
	if steps := n.Growth.StepsIn(h.Name, w); len(steps) > 0 {
		s := steps[len(steps)-1]
		st.Stepped, st.SteppedMS = s.Until, s.By().Milliseconds()
	}
}

func growthOf(v growth.Verdict) *status.Growth {
	return &status.Growth{Kind: string(v.Kind), Since: v.Since, StillS: v.Still.Seconds(), UsualS: v.Usual.Seconds(), Observed: v.Observed}
}

// paused reports whether all of the sites are, by pauses that are in force.
func paused(pauses []status.Pause, sites []*config.Site) bool {
	return !slices.ContainsFunc(sites, func(s *config.Site) bool {
		return !slices.ContainsFunc(pauses, func(p status.Pause) bool { return p.Site == "" || p.Site == s.Name })
	})
}

// peersOf are the other hosts of the sites of a host.
func peersOf(cfg *config.Config, host string) (peers []string) {
	for _, s := range cfg.SitesOf(host) {
		for i := range s.Hosts {
			if s.Hosts[i].Name != host {
				peers = append(peers, s.Hosts[i].Name)
			}
		}
	}
	return peers
}
