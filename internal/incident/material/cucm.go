package material

import (
	"cmp"
	"slices"

	"rtmtgrab/internal/evidence"
)

// takeCluster puts what is known of a cluster in the place of what was, but for what would
// be less.
func (s *State) takeCluster(now evidence.CUCM) {
	now.Conclude()
	s.CUCM = slices.Clone(s.CUCM)
	i := slices.IndexFunc(s.CUCM, func(c evidence.CUCM) bool { return c.Cluster == now.Cluster })
	if i < 0 {
		s.CUCM = append(s.CUCM, now)
		return
	}
	was := s.CUCM[i]
	now.Admin = cmp.Or(now.Admin, was.Admin)
	if now.Names == nil || was.Names != nil && rank(now.Names.State) < rank(was.Names.State) {
		now.Names = was.Names
	}
	nodes := slices.Clone(now.Nodes)
	for _, n := range was.Nodes {
		at := slices.IndexFunc(nodes, func(o evidence.CUCMNode) bool { return o.Node == n.Node })
		if at < 0 {
			nodes = append(nodes, n)
			continue
		}
		if files, kept := moreOf(n.Files, nodes[at].Files); kept {
			nodes[at].Files, nodes[at].Coverage = files, coverageOf(files)
		}
	}
	now.Nodes = nodes
	s.CUCM[i] = now
}

// moreOf is, of each file, the row that has more, and whether one is of those that were.
func moreOf(was, now []evidence.File) (list []evidence.File, kept bool) {
	now = slices.Clone(now)
	for _, f := range was {
		at := slices.IndexFunc(now, func(o evidence.File) bool { return o.Family == f.Family })
		switch {
		case at < 0:
			now, kept = append(now, f), true
		case now[at].Bytes < f.Bytes:
			now[at], kept = f, true
		}
	}
	return now, kept
}

func coverageOf(files []evidence.File) evidence.Coverage {
	var parts []evidence.Coverage
	for _, f := range files {
		parts = append(parts, f.Coverage)
	}
	return evidence.Sum(parts...)
}

// rank orders how certain names are.
func rank(state string) int {
	switch state {
	case evidence.NamesCertain:
		return 2
	case evidence.NamesLikely:
		return 1
	}
	return 0
}
