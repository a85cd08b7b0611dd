package cucm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

const (
	callsOfRound = 12
	namesOfCall  = 300 // of phones: each may have a record on several nodes
	rateTries    = 3   // after the first
	ratePause    = 31 * time.Second
)

// prefixes are how names of phones begin that are asked for apart, if there are more than
// one answer holds. The first two are halves of all telephones.
var prefixes = [][]string{hexPrefixes("SEP", "01234567"), hexPrefixes("SEP", "89ABCDEF"), {"CSF*", "TCT*", "BOT*", "TAB*"}}

func hexPrefixes(front, digits string) []string {
	var p []string
	for _, d := range digits {
		p = append(p, front+string(d)+"*")
	}
	return p
}

// A round is what is asked for one Query.
type round struct {
	cluster *Cluster
	status  string
	once    bool
	nodes   []Node // those that may be asked; the first has answered last
	calls   int
	phones  Phones
	newest  map[string]Device
	codes   map[string]string  // by node
	total   int                // records that there are in all, if all were asked for; else -1
	records map[[2]string]bool // that came, by device and node
}

// Phones asks for phones: in at most 12 calls, split if the answer is cut off, and again
// after 30 s and more, three times, if the cluster's rate limit is used up. What was
// found is returned with an error too.
func (c *Cluster) Phones(ctx context.Context, q Query) (Phones, error) {
	r := &round{cluster: c, status: q.Status, once: q.Once, nodes: c.risNodes(), newest: map[string]Device{}, codes: map[string]string{}, total: -1, records: map[[2]string]bool{}}
	r.phones.Asked = time.Now().UTC()
	var err error
	if len(q.Names) > 0 {
		err = r.named(ctx, q.Names)
	} else {
		err = r.all(ctx)
	}
	return r.result(), err
}

// risNodes are the nodes that can be asked for all: the publisher first.
func (c *Cluster) risNodes() []Node {
	p := c.Publisher()
	nodes := []Node{p}
	for _, n := range c.cfg.Nodes {
		if n.Address != p.Address && len(nodes) < 3 {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func (r *round) all(ctx context.Context) error {
	a, err := r.ask(ctx, []string{"*"})
	if err != nil {
		return err
	}
	r.total = a.total
	if !cut(a) {
		return nil
	}
	queue := slices.Clone(prefixes)
	for len(queue) > 0 {
		if r.calls >= callsOfRound {
			r.phones.Truncated = true
			return nil
		}
		items := queue[0]
		queue = queue[1:]
		a, err := r.ask(ctx, items)
		if err != nil {
			r.phones.Truncated = true
			return err
		}
		if cut(a) {
			queue = append(queue, halves(items)...)
		}
	}
	return nil
}

// halves are what is asked in place of prefixes whose answer is cut off.
func halves(items []string) [][]string {
	if n := len(items); n > 1 {
		return [][]string{items[:n/2], items[n/2:]}
	}
	front := strings.TrimSuffix(items[0], "*")
	if !strings.HasPrefix(front, "SEP") {
		return [][]string{hexPrefixes(front, "01234567"), hexPrefixes(front, "89ABCDEF")}
	}
	if len(front) >= len("SEP001122334455") {
		return nil
	}
	return [][]string{hexPrefixes(front, "01234567"), hexPrefixes(front, "89ABCDEF")}
}

func (r *round) named(ctx context.Context, names []string) error {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for chunk := range slices.Chunk(names, namesOfCall) {
		if r.calls >= callsOfRound {
			r.phones.Truncated = true
			return nil
		}
		a, err := r.ask(ctx, chunk)
		if err != nil {
			return err
		}
		if cut(a) {
			r.phones.Truncated = true
		}
	}
	return nil
}

// cut: an answer that holds not all, which no flag tells.
func cut(a answer) bool {
	return a.held || a.total > len(a.devices) || len(a.devices) >= maxDevices
}

// ask makes one call, at whichever node answers, and again after the rate fault.
func (r *round) ask(ctx context.Context, items []string) (answer, error) {
	var err error
	for try := range rateTries + 1 {
		var a answer
		a, err = r.askNodes(ctx, items)
		if err == nil {
			r.add(a)
			return a, nil
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != KindRate && e.Kind != KindBusy || r.once || try == rateTries || r.calls >= callsOfRound {
			break
		}
		if sleep(ctx, ratePause*time.Duration(try+1)) != nil {
			break
		}
	}
	return answer{}, err
}

// askNodes asks the first node that can be reached.
func (r *round) askNodes(ctx context.Context, items []string) (answer, error) {
	var first error
	for i, n := range r.nodes {
		if r.calls >= callsOfRound {
			break
		}
		if err := r.cluster.ris.wait(ctx); err != nil {
			return answer{}, &Error{Kind: KindCanceled, Cluster: r.cluster.cfg.Cluster, Node: n.Name, Address: n.Address, Service: risService, Err: err}
		}
		r.calls++
		a, err := r.cluster.selects(ctx, r.cluster, n, r.status, items)
		if err == nil {
			r.nodes[0], r.nodes[i] = r.nodes[i], r.nodes[0]
			return a, nil
		}
		if first == nil {
			first = err
		}
		if e, ok := errors.AsType[*Error](err); !ok || !elsewhere(e.Kind) {
			return answer{}, err
		}
	}
	return answer{}, first
}

// elsewhere: another node may answer.
func elsewhere(k Kind) bool {
	return k == KindUnreachable || k == KindCertificate || k == KindService || k == KindAnswer
}

// add takes the newest record of each device.
func (r *round) add(a answer) {
	for _, n := range a.nodes {
		if old, seen := r.codes[n.Name]; !seen || (NodeAnswer{Code: old}).OK() {
			r.codes[n.Name] = n.Code
		}
	}
	for _, d := range a.devices {
		r.records[[2]string{d.Name, d.Node}] = true
		old, seen := r.newest[d.Name]
		if !seen {
			r.newest[d.Name] = d
			continue
		}
		r.newest[d.Name] = newer(old, d)
	}
}

// newer is the newer of two records of a device. Of two with the same second the better
// status is taken, so that none is called partial by chance.
func newer(a, b Device) Device {
	switch {
	case b.Since.After(a.Since):
		return b
	case a.Since.After(b.Since), a.Status == b.Status:
		return a
	}
	rank := []string{StatusRegistered, StatusPartial}
	best := a
	if i, j := slices.Index(rank, a.Status), slices.Index(rank, b.Status); j >= 0 && (i < 0 || j < i) {
		best = b
	}
	best.Tied = true
	return best
}

func (r *round) result() Phones {
	p := r.phones
	p.Calls = r.calls
	for name, code := range r.codes {
		p.Nodes = append(p.Nodes, NodeAnswer{name, code})
	}
	slices.SortFunc(p.Nodes, func(a, b NodeAnswer) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range r.newest {
		p.Devices = append(p.Devices, d)
	}
	slices.SortFunc(p.Devices, func(a, b Device) int { return strings.Compare(a.Name, b.Name) })
	if r.total > len(r.records) {
		p.Truncated = true // phones whose names begin otherwise
	}
	return p
}
