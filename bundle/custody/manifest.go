package custody

import (
	"bytes"
	"time"

	"rtmtgrab/internal/evidence"
)

// A chain is being made.
type chain struct {
	out  bytes.Buffer
	head Head
	err  error
}

func (c *chain) add(act string, at time.Time, e Entry) {
	if c.err != nil {
		return
	}
	e.Act, e.Time = act, at
	line, err := c.head.add(e)
	if err != nil {
		c.err = err
		return
	}
	c.head = c.head.next(line)
	c.out.Write(line)
}

// Of is the chain of a bundle up to its sealing, and nothing but what its manifest, with
// that SHA-256, says.
func Of(m evidence.Manifest, sha256 string) ([]byte, error) {
	c := &chain{}
	if k := m.Masked; k != nil {
		c.add(Masked, time.Time{}, Entry{Mask: &Mask{RawHead: k.RawHead, Strength: k.Strength, Scope: k.Scope, Map: k.Map}})
	}
	c.asked(m)
	for _, h := range m.Hosts {
		c.host(h)
	}
	for _, k := range m.CUCM {
		for _, n := range k.Nodes {
			c.host(evidence.Host{Host: n.Node, Role: RoleCUCM, Address: n.Address, Error: n.Error, Files: n.Files})
		}
	}
	for _, p := range m.PRTs {
		c.add(Received, p.Received, Entry{PRT: &PRT{Device: printable(p.Device), From: printable(p.From), Path: p.Path, Bytes: p.Bytes, SHA256: p.SHA256}})
	}
	for _, r := range m.Resets {
		c.add(Reset, r.At, Entry{Later: &Later{By: printable(r.By), Result: r.State, Why: printable(r.Why), To: []string{printable(r.Device)}}})
	}
	for _, d := range m.Diagnostics {
		c.diagnostic(d)
	}
	c.add(Sealed, m.Timing.Sealed, Entry{Seal: &BundleSeal{Incident: m.Incident, Revision: m.Revision, Coverage: m.Coverage,
		Manifest: sha256, SignedBy: m.SignedBy, Grab: printable(m.Grab)}})
	return c.out.Bytes(), c.err
}

// diagnostic is what was done to an Expressway for its own diagnostic log.
func (c *chain) diagnostic(d evidence.Diagnostic) {
	done := func(at time.Time, result, why string) {
		c.add(Diagnostics, at, Entry{Later: &Later{By: printable(d.By), Result: result, Why: printable(why), To: []string{printable(d.Host)}}})
	}
	if !d.Started.IsZero() {
		done(d.Started, "started", "by configuration; log levels are raised until it is stopped")
	}
	switch {
	case !d.Stopped.IsZero():
		done(d.Stopped, "stopped", d.Why)
	case d.LeftOn:
		done(time.Time{}, "left on", d.Why)
	}
}

// asked is who wanted the logs.
func (c *chain) asked(m evidence.Manifest) {
	for _, a := range m.Alerts {
		c.add(Asked, a.Time, Entry{Alert: &Alert{ID: a.ID, Name: printable(a.Name), Node: printable(a.Node), Time: a.Time, File: a.File, Source: printable(a.Source)}})
	}
	if m.RequestedBy != "" || len(m.Alerts) == 0 {
		c.add(Asked, m.Timing.Claimed, Entry{Person: &Person{By: printable(m.RequestedBy), Reason: printable(m.Reason), Case: printable(m.Case)}})
	}
}

// host is a host, what was read of it, and what became of that.
func (c *chain) host(h evidence.Host) {
	c.add(Reached, h.Began, Entry{Host: &Host{Host: h.Host, Role: h.Role, Address: printable(h.Address), HostKey: printable(h.HostKey),
		Transport: h.Transport, Via: h.Via[:min(len(h.Via), 10)], Until: h.Ended, Error: printable(h.Error)}})
	for _, f := range h.Files {
		for _, s := range f.Sources {
			c.add(Read, time.Time{}, Entry{Source: &Source{Host: h.Host, Family: f.Family, File: printable(s.Name), Offset: s.Offset, Length: s.Length, SHA256: s.SHA256, From: s.From, Collector: printable(s.Collector)}})
		}
		if f.Path != "" {
			c.add(Written, time.Time{}, Entry{Log: &Log{Path: f.Path, Bytes: f.Bytes, SHA256: f.SHA256}})
		}
	}
}
