package gather

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
)

// names asks a cluster twice: at once which phones are partial, and when the logs are
// complete for those and the phones in the logs, whatever their status.
func (j *job) names(ctx context.Context, e Entry) {
	cluster := e.Cluster.Name()
	told := sync.OnceFunc(j.first.Done)
	defer told()
	if e.Names && j.answered(cluster).First == nil && !j.answered(cluster).Done {
		p, err := e.Cluster.Phones(ctx, cucm.Query{Status: cucm.StatusPartial})
		if ctx.Err() != nil {
			return
		}
		j.change(cluster, func(a *answers) { a.First, a.FirstWhy = got(p, err), reason(err) })
		j.tell(cluster, "at the alert", p, err)
		j.publish()
	}
	told()
	if e.Traces {
		e.Cluster.Nodes(ctx) // asked for once, so that the logs can be looked through for them; what fails is told with the traces
	}
	select {
	case <-j.ready:
	case <-ctx.Done():
		return
	}
	if !e.Names || j.answered(cluster).Done {
		return
	}
	p, err := j.second(ctx, e)
	if ctx.Err() != nil {
		return
	}
	j.change(cluster, func(a *answers) { a.Second, a.SecondWhy, a.Done = got(p, err), reason(err), true })
	j.tell(cluster, "when the window was over", p, err)
	j.publish()
}

// second is the second round: of any status, for the phones of the first and of the logs.
// A first that was not had is made up for before.
func (j *job) second(ctx context.Context, e Entry) (cucm.Phones, error) {
	cluster := e.Cluster.Name()
	if j.answered(cluster).First == nil {
		p, err := e.Cluster.Phones(ctx, cucm.Query{Status: cucm.StatusPartial})
		if err != nil {
			return cucm.Phones{}, err
		}
		j.change(cluster, func(a *answers) { a.First, a.FirstWhy = &p, "" })
	}
	wanted := map[string]bool{}
	for _, d := range j.answered(cluster).First.Devices {
		wanted[d.Name] = true
	}
	for name := range j.seen().Devices {
		wanted[name] = true
	}
	if len(wanted) == 0 { // nobody to ask for: that is an answer
		return cucm.Phones{Asked: j.g.now().UTC(), Nodes: j.answered(cluster).First.Nodes}, nil
	}
	return e.Cluster.Phones(ctx, cucm.Query{Names: slices.Sorted(maps.Keys(wanted))})
}

// got is an answer, nil if there is none.
func got(p cucm.Phones, err error) *cucm.Phones {
	if err != nil && len(p.Devices) == 0 {
		return nil
	}
	p.Truncated = p.Truncated || err != nil
	return &p
}

// reason is why there is no answer, for people.
func reason(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*cucm.Error](err)
	if ok && e.Kind == cucm.KindRate {
		return "names not obtained: CUCM's rate limit, other applications use it up"
	}
	return evidence.Printable("names not obtained: "+err.Error(), 400)
}

func (j *job) tell(cluster, when string, p cucm.Phones, err error) {
	if err != nil {
		j.g.log().Warn("CUCM does not say which phones are partial", "incident", j.in.ID, "cluster", cluster, "when", when, "err", err)
		return
	}
	j.g.log().Info("CUCM was asked for phones", "incident", j.in.ID, "cluster", cluster, "when", when, "phones", len(p.Devices), "calls", p.Calls)
}

// look looks through the logs, once for all clusters.
func (j *job) look(ctx context.Context, logs Logs) {
	nodes := map[string][]cucm.Node{}
	for _, e := range j.site.Entries {
		nodes[e.Cluster.Name()] = e.Cluster.Known()
	}
	ctx, cancel := context.WithTimeout(ctx, Patience/2)
	defer cancel()
	found := scan(ctx, logs, nodes)
	now := &complete{Asked: logs.Manifest.Asked}
	for _, a := range logs.Manifest.Alerts {
		now.Nodes = append(now.Nodes, a.Node)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.Logs, j.state.Seen = now, found
	j.save()
}

// logs is what is kept of the complete logs.
func (j *job) logs() complete {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state.Logs == nil {
		return complete{}
	}
	return *j.state.Logs
}

func (j *job) seen() *seen {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state.Seen == nil {
		return &seen{}
	}
	return j.state.Seen
}
