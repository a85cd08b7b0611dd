package cucmlab

import (
	"io"
	"slices"
	"strings"
)

// Failed is how many logins of a user were refused since one was accepted.
func (c *Cluster) Failed(user string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accounts.failed[user]
}

// Locked reports whether the user's account is locked.
func (c *Cluster) Locked(user string) bool { return c.Failed(user) >= lockedAfter }

// Unlock is what an administrator does about it.
func (c *Cluster) Unlock(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accounts.failed[user] = 0
}

// EndSessions forgets all cookies, as Tomcat does after a while and when it restarts.
func (c *Cluster) EndSessions() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = sessions{}
}

// Spend is another application that makes n calls of a service now. It tells how many of
// them CUCM took.
func (c *Cluster) Spend(s Service, n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := 0
	for range n {
		if c.budget.take(s, c.cfg.Now(), c.faults.limit(s)) {
			took++
		}
	}
	return took
}

// Requests are all so far, in the order of their answers. It is a copy.
func (c *Cluster) Requests() []Request {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	return append([]Request{}, c.log.all...)
}

// Devices are what is so: of each device the newest record of any node, by name.
func (c *Cluster) Devices() []Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.truth.follow()
	newest := map[string]Record{}
	for _, fqdn := range c.cfg.Nodes {
		for _, r := range c.truth.at(fqdn) {
			if old, ok := newest[r.Device]; !ok || r.Since.After(old.Since) {
				newest[r.Device] = r
			}
		}
	}
	var out []Record
	for _, r := range newest {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Record) int { return strings.Compare(a.Device, b.Device) })
	return out
}

// Counter is a counter of a node as it is; -1: there is none, or the node is down.
func (c *Cluster) Counter(node, name string) int64 {
	if n := c.node(node); n != nil {
		if all, up := countersOf(c, n); up {
			if v, ok := all[name]; ok {
				return v
			}
		}
	}
	return -1
}

// Contents are a node's file as it is now, by its path; for comparison.
func (c *Cluster) Contents(node, name string) ([]byte, error) {
	f, err := findFile(c, c.node(node), name)
	if err != nil {
		return nil, err
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Files are a node's, as they would be listed now without a fault.
func (c *Cluster) Files(node string) []File { return filesOn(c, c.node(node)) }

// Resets are the devices that were reset over AXL, in that order.
func (c *Cluster) Resets() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.resets...)
}
