package logs

import (
	"strings"

	"rtmtgrab/internal/expressway"
)

// Zones are the names of the zones between E and C that REGISTERs passed, by their Via headers: as
// an E calls that by which it sent them on, and a C that by which it had received them. Empty: not
// known.
type Zones struct{ Out, In map[string]bool }

const (
	maxZones    = 32
	maxZoneName = 128
)

// see takes in those of a REGISTER.
func (z *Zones) see(s *expressway.SIP) {
	if !s.Request {
		return
	}
	for _, via := range s.Vias {
		out := expressway.ViaParam(via, "egress-zone") // else it is the phone's
		if out == "" || strings.HasPrefix(out, "CEtcp-") || strings.HasPrefix(out, "CEtls-") {
			continue // those lead from C to CUCM
		}
		add(&z.Out, out)
		add(&z.In, expressway.ViaParam(via, "ingress-zone"))
	}
}

func add(to *map[string]bool, name string) {
	if name == "" || len(name) > maxZoneName || (*to)[name] || len(*to) >= maxZones {
		return
	}
	if *to == nil {
		*to = map[string]bool{}
	}
	(*to)[strings.Clone(name)] = true
}

// join takes in those of another source.
func (z *Zones) join(o Zones) {
	for name := range o.Out {
		add(&z.Out, name)
	}
	for name := range o.In {
		add(&z.In, name)
	}
}
