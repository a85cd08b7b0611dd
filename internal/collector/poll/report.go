package poll

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/redact"
)

// phonesOf are the counters of an answer that say something of phones, at most 60.
func phonesOf(answer map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for _, name := range slices.Sorted(maps.Keys(answer)) {
		low := strings.ToLower(name)
		if len(out) < 60 && (strings.Contains(low, "register") || strings.Contains(low, "phone") || slices.Contains(beats, name)) {
			out[name] = answer[name]
		}
	}
	return out
}

// registered is how many phones are registered at a node.
func registered(answer map[string]int64) (n int64, known bool) {
	for _, name := range []string{"RegisteredHardwarePhones", "RegisteredOtherStationDevices"} {
		if v, there := answer[name]; there {
			n, known = n+v, true
		}
	}
	return n, known
}

func (c *cluster) note(node string, answer map[string]int64) {
	c.state.Lock()
	defer c.state.Unlock()
	if c.phones == nil {
		c.phones = map[string]int64{}
	}
	delete(c.phones, node)
	if n, known := registered(answer); known {
		c.phones[node] = n
	}
}

// fail notes that a node does not answer, and says so the first time and once an hour.
func (c *cluster) fail(node string, now time.Time, err error) {
	c.state.Lock()
	defer c.state.Unlock()
	f := c.failing[node]
	if f == nil {
		f = &failure{since: now}
		c.failing[node] = f
	}
	f.times, f.err = f.times+1, err
	if now.Sub(f.last) >= time.Hour {
		f.last = now
		c.Log.Warn("a CUCM node cannot be polled; retrying", "cluster", c.name, "node", node, "err", err)
	}
}

func (c *cluster) well(node string) {
	c.state.Lock()
	defer c.state.Unlock()
	if f := c.failing[node]; f != nil {
		delete(c.failing, node)
		c.Log.Info("the CUCM node can be polled again", "cluster", c.name, "node", node, "failed", f.times)
	}
}

// Report says what polls have found, and what keeps them from it.
func (p *Poller) Report(r *status.Report, cfg *config.Config) {
	p.mu.Lock()
	live := maps.Clone(p.live)
	known := map[string]baseline{}
	for k, b := range p.nodes {
		known[k] = *b
	}
	p.mu.Unlock()
	sites := p.Sites(cfg)
	for _, name := range slices.Sorted(maps.Keys(live)) {
		live[name].report(r, sites, known)
	}
	status.JudgePolls(r)
}

func (c *cluster) report(r *status.Report, sites func(cluster, node string) []string, known map[string]baseline) {
	c.state.Lock()
	defer c.state.Unlock()
	row := func(node string) status.Poll {
		l := status.Poll{Cluster: c.name, Node: node, EveryS: c.every.Seconds(), Sites: sites(c.name, node)}
		if f := c.failing[node]; f != nil {
			l.Error, l.Hint, l.Failing, l.Failed = redact.Foreign(f.err.Error(), 300), advice.For(f.err), f.since, f.times
			e, ok := errors.AsType[*cucm.Error](f.err)
			l.Refused = ok && (e.Kind == cucm.KindRefused || e.Kind == cucm.KindBlocked)
		}
		return l
	}
	if c.failing[""] != nil {
		r.Polls = append(r.Polls, row(""))
	}
	nodes := slices.SortedFunc(slices.Values(c.list), func(a, b cucm.Node) int { return cmp.Compare(a.Name, b.Name) })
	for _, n := range nodes {
		l := row(n.Name)
		b := known[key(c.name, n.Name)]
		l.Answer, l.Since, l.Set, l.SetWhy = b.At, b.Since, b.Set, b.Why
		if v, there := b.Partial[Counter]; there {
			l.Partial = &v
		}
		if low, days := b.lowest(); days > 0 {
			l.Over, l.OverDays = &low, days
		}
		if v, there := c.phones[n.Name]; there {
			l.Registered = &v
		}
		r.Polls = append(r.Polls, l)
	}
}
