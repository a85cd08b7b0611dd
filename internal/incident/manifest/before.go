package manifest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
)

// ErrLess says that a retry would hold less than the revision before it.
var ErrLess = errors.New("it would have less than the revision before it")

// Last is that of the revision before; nil: there is none.
func Last(st *incident.Store, in incident.Incident) (*evidence.Manifest, error) {
	if len(in.Revisions) == 0 {
		return nil, nil
	}
	last := in.Revisions[len(in.Revisions)-1].Revision
	m, err := st.ManifestFile(in.Key, last).Read()
	if err != nil {
		return nil, fmt.Errorf("compare with revision %d: %w", last, err)
	}
	return &m, nil
}

// KeepsAll refuses a revision that holds less than the one before it.
func KeepsAll(last *evidence.Manifest, m evidence.Manifest) error {
	if last == nil {
		return nil
	}
	for _, h := range last.Hosts {
		for _, f := range h.Files {
			got := int64(0)
			if now := fileOf(&m, h.Host, f.Family); now != nil {
				got = now.Bytes
			}
			if got < f.Bytes {
				return fmt.Errorf("revision %d: %w: %s of %s had %d bytes and has %d", m.Revision, ErrLess, f.Family, h.Host, f.Bytes, got)
			}
		}
	}
	return nil
}

// Late is that of a revision that only adds what came late: what is said of the
// hosts is what the revision before says.
func Late(last *evidence.Manifest, in incident.Incident, now time.Time, version string) (evidence.Manifest, error) {
	if last == nil {
		return evidence.Manifest{}, fmt.Errorf("revision %d of %s: there is none before it", in.Revision, in.ID)
	}
	m := *last
	m.Revision, m.Case, m.Grab, m.Timing.Sealed = in.Revision, in.Case, version, now
	before := in.Revisions[len(in.Revisions)-1]
	m.Notes = append(slices.Clone(m.Notes),
		fmt.Sprintf("revision %d, sealed %s, was %s: this one has everything it had", before.Revision, stamp(before.Sealed), before.Coverage),
		fmt.Sprintf("revision %d adds what came of CUCM or phones since; the logs of the Expressways are those of revision %d, byte for byte", in.Revision, before.Revision))
	return m, nil
}

// KeepsMaterial is KeepsAll for what came of CUCM and phones.
func KeepsMaterial(last *evidence.Manifest, m evidence.Manifest) error {
	if last == nil {
		return nil
	}
	has := map[string]int64{}
	for _, f := range materialOf(m) {
		has[f.Name] = f.Bytes
	}
	for _, f := range materialOf(*last) {
		if n, ok := has[f.Name]; !ok || n < f.Bytes {
			return fmt.Errorf("revision %d: %w: %s had %d bytes and has %d", m.Revision, ErrLess, f.Name, f.Bytes, n)
		}
	}
	return nil
}

// materialOf are the files of CUCM and phones that a manifest names.
func materialOf(m evidence.Manifest) (list []material.File) {
	for _, c := range m.CUCM {
		for _, n := range c.Nodes {
			for _, f := range n.Files {
				if f.Path != "" {
					list = append(list, material.File{Name: f.Path, Bytes: f.Bytes})
				}
			}
		}
	}
	for _, d := range m.Diagnostics {
		if d.Path != "" {
			list = append(list, material.File{Name: d.Path, Bytes: d.Bytes})
		}
	}
	for _, p := range m.PRTs {
		list = append(list, material.File{Name: p.Path, Bytes: p.Bytes})
	}
	return list
}
