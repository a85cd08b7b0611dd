package poll

import (
	"context"
	"slices"
	"time"

	"rtmtgrab/internal/cucm"
)

// oneByOne is how many nodes are asked each by itself: of these one answer has all counters.
// More are asked together, with one call, for the budget is the cluster's.
const oneByOne = 15

// sessions is a Cluster that can be asked for all nodes at once.
type sessions interface {
	OpenSession(ctx context.Context, at cucm.Node, nodes []cucm.Node, counters ...string) (*cucm.Session, error)
}

// together asks all nodes with one call.
func (c *cluster) together(ctx context.Context, s sessions, nodes []cucm.Node) {
	asking, cancel := context.WithTimeout(ctx, max(patience, c.every))
	defer cancel()
	all, err := c.collect(asking, s, nodes)
	for _, n := range nodes {
		c.digest(ctx, n.Name, func() (map[string]int64, error) {
			for name, answer := range all {
				if n.Is(name) {
					return answer, nil
				}
			}
			return nil, err
		})
	}
}

func (c *cluster) collect(ctx context.Context, s sessions, nodes []cucm.Node) (all map[string]map[string]int64, err error) {
	if slices.ContainsFunc(nodes, c.cameSince) {
		c.endSession() // it knows nothing of that one
	}
	if c.session == nil {
		if c.session, err = s.OpenSession(ctx, nodes[0], nodes, Counter, "CallManagerHeartBeat", "RegisteredHardwarePhones"); err != nil {
			c.session = nil
			return nil, err
		}
		c.inSession = slices.Clone(nodes)
	}
	if all, err = c.session.Collect(ctx); err != nil {
		c.session = nil // a new one the next time
	}
	return all, err
}

// endSession lets CUCM forget the session.
func (c *cluster) endSession() {
	if c.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := c.session.Close(ctx); err != nil {
		c.Log.Debug("a session of PerfMon could not be ended", "cluster", c.name, "err", err)
	}
	c.session = nil
}

// cameSince reports whether the session is not of a node, or has it elsewhere.
func (c *cluster) cameSince(n cucm.Node) bool {
	return !slices.ContainsFunc(c.inSession, func(o cucm.Node) bool { return o.Name == n.Name && o.Address == n.Address })
}
