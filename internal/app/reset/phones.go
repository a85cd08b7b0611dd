package reset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/prt"

	"context"
)

// meant are the phones that are meant: those that are named, which have to be of the incident, or else those that
// its report or CUCM shows without all their lines.
func (d *Resetter) meant(in incident.Incident, m evidence.Manifest, named []string) ([]string, error) {
	all, partial := d.known(in, m)
	if len(named) == 0 {
		slices.Sort(partial)
		partial = slices.Compact(partial)
		if len(partial) == 0 {
			return nil, advice.WithHint(fmt.Errorf("incident %s shows no phone without all its lines", in.ID), "name the phone: `grab reset "+in.ID+" SEP...`")
		}
		named = partial
	}
	var names []string
	for _, n := range named {
		dev, ok := prt.Device(n)
		if !ok {
			return nil, advice.Usage(fmt.Errorf("%q is no name of a phone", evidence.Printable(n, 60)))
		}
		if !all[dev] {
			return nil, advice.WithHint(fmt.Errorf("%s is no phone of incident %s", dev, in.ID), "`grab show "+in.ID+"` names those that are; reset others in CUCM")
		}
		if !slices.Contains(names, dev) {
			names = append(names, dev)
		}
	}
	if len(names) > MostPhones {
		return nil, advice.WithHint(fmt.Errorf("%d phones are too many for one command (at most %d)", len(names), MostPhones), "find the cause first; or name some of them")
	}
	return names, nil
}

// known are the phones of an incident, and those of them without all their lines.
func (d *Resetter) known(in incident.Incident, m evidence.Manifest) (all map[string]bool, partial []string) {
	all = map[string]bool{}
	add := func(name string, isPartial bool) {
		dev, ok := prt.Device(name)
		if !ok {
			return
		}
		all[dev] = true
		if isPartial {
			partial = append(partial, dev)
		}
	}
	for _, n := range m.PhonesNamed {
		add(n, false)
	}
	for _, a := range m.Alerts {
		for _, n := range a.Devices {
			add(n, false)
		}
	}
	for _, p := range m.PRTs {
		add(p.Device, false)
	}
	if reg := m.Registration; reg != nil {
		for _, p := range reg.Phones {
			add(p.Device, p.Verdict == "partial" || p.Verdict == "came_back_by_keepalive")
		}
		for _, g := range reg.Groups {
			for _, n := range g.Devices {
				add(n, g.Verdict == "partial" || g.Verdict == "came_back_by_keepalive")
			}
		}
	}
	for _, p := range cucmPhones(in) {
		add(p.Device, p.Status == evidence.CUCMPartially)
	}
	return all, partial
}

// cucmPhones are those that CUCM named, by the bundle; what cannot be read are none.
func cucmPhones(in incident.Incident) (list []evidence.CUCMPhone) {
	var doc evidence.PartialPhones
	err := bundle.ReadFile(context.Background(), in.Bundle, "cucm/partial-phones.json", func(r io.Reader) error {
		return json.NewDecoder(io.LimitReader(r, 64<<20)).Decode(&doc)
	})
	if err != nil {
		return nil
	}
	for _, c := range doc.Clusters {
		list = append(list, c.Phones...)
	}
	return list
}

// reports say of which phones a problem report is there, or was asked for.
type reports struct{ received, asked map[string]bool }

func (r reports) of(device string) string {
	switch {
	case r.received[device]:
		return "received"
	case r.asked[device]:
		return "asked"
	}
	return "none"
}

// reports are those of the bundle, of what came since, and of what waits.
func (d *Resetter) reports(in incident.Incident, m evidence.Manifest) (reports, error) {
	r := reports{map[string]bool{}, map[string]bool{}}
	state, err := material.Of(d.Store, in.Key).Read()
	if err != nil {
		return r, err
	}
	for _, p := range slices.Concat(m.PRTs, state.PRTs) {
		r.received[strings.ToUpper(p.Device)] = true
	}
	if m.Registration != nil {
		for _, p := range m.Registration.Phones {
			if p.PRTAsked != nil {
				r.asked[strings.ToUpper(p.Device)] = true
			}
		}
	}
	return r, nil
}

// ErrNotAsked is that nobody can be asked.
var ErrNotAsked = errors.New("nobody can be asked here: it is no terminal")
