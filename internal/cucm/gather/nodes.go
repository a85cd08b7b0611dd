package gather

import (
	"context"
	"regexp"
	"strings"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/material"
)

// nodes are the nodes of a cluster. A publisher that does not say which there are is asked again
// as often as a node is for its traces; then there are none, and a row says why.
func (j *job) nodes(ctx context.Context, e Entry) []cucm.Node {
	for n := 0; ; n++ {
		nodes, err := e.Cluster.Nodes(ctx)
		if err == nil || ctx.Err() != nil {
			return nodes
		}
		row, more := lostNode(e.Cluster.Publisher(), j.logs().Asked, err), n+1 < len(looks) && !permanent(err)
		j.g.log().Warn("no traces: the nodes of a CUCM cluster are not known", "incident", j.in.ID, "cluster", e.Cluster.Name(), "again", more, "err", err)
		if !more {
			j.add(e.Cluster.Name(), []evidence.CUCMNode{row}, nil)
			return nil
		}
		if j.g.Looked != nil {
			j.g.Looked(j.key, row, looks[n+1])
		}
		if !j.g.sleepUntil(ctx, j.g.now().Add(looks[n+1])) {
			return nil
		}
	}
}

// rowName is what a node is called in the incident's bundle, and the folder of its logs: its name,
// and behind that its cluster's where a node of another cluster has the name already. Two clusters
// of a site may both have a cucm01.
func (j *job) rowName(cluster, node string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rows == nil {
		j.rows = map[string]string{}
		if was, err := material.Of(j.g.Store, j.key).Read(); err == nil { // of an earlier process
			for _, c := range was.CUCM {
				for _, n := range c.Nodes {
					j.rows[strings.ToLower(n.Node)] = c.Cluster
				}
			}
		}
	}
	long := strings.TrimRight(node+"-"+notInNames.ReplaceAllString(cluster, "-"), ".")
	for _, name := range []string{node, long} {
		if of, taken := j.rows[strings.ToLower(name)]; !taken || of == cluster {
			j.rows[strings.ToLower(name)] = cluster
			return name
		}
	}
	return long
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]`)
