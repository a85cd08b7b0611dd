package registration

import (
	"maps"
	"slices"

	"rtmtgrab/internal/expressway"
)

// oneName gives every host one name, however its records spell it: short or in full, in
// upper case or lower.
func oneName(t *texts, sources []Source, scans []*scan) {
	var known []string
	for _, s := range sources {
		if s.Host != "" {
			known = append(known, s.Host)
		}
	}
	seen := map[string]bool{}
	for _, s := range scans {
		for id := range s.hosts {
			seen[t.of(id)] = true
		}
	}
	names := expressway.HostNames(known, slices.Sorted(maps.Keys(seen)))
	alias := map[text]text{}
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
func (s *scan) rename(alias map[text]text) {
	s.alias = alias
	for _, counts := range []map[text]int64{s.hosts, s.sip, s.bodies} {
		for from, to := range alias {
			if n := counts[from]; n > 0 {
				counts[to] += n
				delete(counts, from)
			}
		}
	}
	for _, m := range s.msgs {
		m.host = s.nameOf(m.host)
	}
	for i := range s.events {
		s.events[i].host = s.nameOf(s.events[i].host)
	}
	lines := lineNotes{}
	for n, seen := range s.lines {
		n.host = s.nameOf(n.host)
		lines[n] = append(lines[n], seen...)
	}
	s.lines = lines
}

// nameOf is the one name of a host.
func (s *scan) nameOf(host text) text {
	if to, ok := s.alias[host]; ok {
		return to
	}
	return host
}
