package registration

import (
	"maps"
	"slices"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// connections lists those that carried a REGISTER or failed, with their phones.
func connections(w *wire.Wire, phones []told) []Connection {
	devices := carriedBy(w, phones)
	out := []Connection{}
	for _, k := range w.Links.All {
		c := Connection{C: w.Texts.Of(k.C), CUCM: k.Node(), How: k.How, Failed: k.Failed, Devices: list(slices.Sorted(maps.Keys(devices[k]))), Proofs: proofsOf(w, k.Proofs(w.Texts))}
		if k.Local.IsValid() {
			c.Local = k.Local.String()
		}
		if k.Opened != 0 {
			c.Opened = stamp(k.Opened)
		}
		if k.Closed != 0 && !k.Failed {
			c.Closed = stamp(k.Closed)
		}
		out = append(out, c)
	}
	return out
}

// carriedBy are the phones whose REGISTERs each connection carried.
func carriedBy(w *wire.Wire, phones []told) map[*wire.Link]map[string]bool {
	out := map[*wire.Link]map[string]bool{}
	for _, p := range phones {
		for _, t := range p.Txns {
			for _, at := range t.Attempts {
				m := at.At[logs.ToCUCM]
				if m == nil {
					continue
				}
				if k := w.Links.Of(m); k != nil {
					if out[k] == nil {
						out[k] = map[string]bool{}
					}
					out[k][p.short()] = true
				}
			}
		}
	}
	return out
}

func fileOf(w *wire.Wire, i int, s *logs.Scan) File {
	src := w.Sources[i]
	f := File{Host: src.Host, Role: src.Role, Family: src.Family, File: src.File, Records: s.Records}
	if f.Host == "" && len(s.Hosts) == 1 {
		for id := range s.Hosts {
			f.Host = w.Texts.Of(id)
		}
	}
	if h := w.HostNamed(f.Host); f.Role == "" && f.Host != "" && h != nil {
		f.Role = h.Role
	}
	if !s.First.IsZero() {
		from, to := s.First, s.Last
		if o := src.ClockOffset; o != nil && evidence.Believable(from.Add(-*o)) && evidence.Believable(to.Add(-*o)) {
			from, to = from.Add(-*o), to.Add(-*o)
		}
		f.First, f.Last = &from, &to
	}
	if !w.Window.Empty() && (src.Complete || len(src.Missing) > 0) {
		f.Coverage = string(evidence.Judge(w.Window, src.Missing))
	}
	return f
}
