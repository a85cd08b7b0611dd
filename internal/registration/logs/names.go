package logs

import (
	"maps"
	"slices"

	"rtmtgrab/internal/expressway"
)

// oneName gives every host one name, however its records spell it: short or in full, in
// upper case or lower.
func oneName(t *Texts, sources []Source, scans []*Scan) {
	var known []string
	for _, s := range sources {
		if s.Host != "" {
			known = append(known, s.Host)
		}
	}
	seen := map[string]bool{}
	for _, s := range scans {
		for id := range s.Hosts {
			seen[t.Of(id)] = true
		}
	}
	names := expressway.HostNames(known, slices.Sorted(maps.Keys(seen)))
	alias := map[Text]Text{}
	for from, to := range names {
		if from != to && from != "" {
			alias[t.add(from)] = t.add(to)
		}
	}
	if len(alias) == 0 {
		return
	}
	for _, s := range scans {
		s.rename(alias)
	}
}

// rename lets what a scan keeps bear the hosts' one name.
func (s *Scan) rename(alias map[Text]Text) {
	s.alias = alias
	for _, counts := range []map[Text]int64{s.Hosts, s.sip, s.bodies} {
		for from, to := range alias {
			if n := counts[from]; n > 0 {
				counts[to] += n
				delete(counts, from)
			}
		}
	}
	for _, m := range s.msgs {
		m.Host = s.nameOf(m.Host)
	}
	for i := range s.events {
		s.events[i].Host = s.nameOf(s.events[i].Host)
	}
	lines := map[LineNote][]Stretch{}
	for n, seen := range s.Lines {
		n.Host = s.nameOf(n.Host)
		lines[n] = append(lines[n], seen...)
	}
	s.Lines = lines
}

// nameOf is the one name of a host.
func (s *Scan) nameOf(host Text) Text {
	if to, ok := s.alias[host]; ok {
		return to
	}
	return host
}
