// Package poll asks the nodes of CUCM clusters every so often for the counter of partially
// registered phones: a rise above the last value is an alert, without any mail.
//
// It guarantees that a rise is one alert, whatever is killed in between; that the first
// answer of a node, and the first after CUCM was restarted or its counters were missing,
// only sets the baseline; that clusters and nodes that do not answer delay no others; and
// that the nodes of a cluster share its budget of calls. It does not know how a node is
// asked, nor what an alert starts.
package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
)

// A Cluster is what is asked.
type Cluster interface {
	Nodes(ctx context.Context) ([]cucm.Node, error)
	Counters(ctx context.Context, n cucm.Node) (map[string]int64, error)
}

const (
	patience  = 25 * time.Second // for one node
	perMinute = 30               // calls to a cluster, where its nodes are asked one by one
	maxNodes  = 64               // of a cluster
	saveEvery = time.Minute      // of what has not changed

	forgetAfter = 30 * 24 * time.Hour // nodes
)

// A Poller polls the clusters that its configuration says. Configure and Close are not for
// concurrent use; what it is told of it may be asked at any time.
type Poller struct {
	Store  string // folder
	Config func() *config.Config
	Reach  func(u *config.CUCM) (Cluster, error)
	Take   func(ctx context.Context, list ...incoming.Alert) (fresh []bool, err error) // as of incoming.Intake
	Decide func()
	Sites  func(cfg *config.Config) func(cluster, node string) []string // those to which an alert of a node goes
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now

	wg     sync.WaitGroup
	cancel context.CancelFunc

	mu    sync.Mutex
	nodes map[string]*baseline // by key; nil: not read yet
	live  map[string]*cluster  // by name: those that are polled
	saved time.Time
}

func (p *Poller) file() atomicfile.JSON[map[string]*baseline] {
	return atomicfile.JSON[map[string]*baseline]{Path: filepath.Join(p.Store, "polls.json")}
}

func (p *Poller) now() time.Time {
	if p.Now != nil {
		return p.Now().UTC().Round(0)
	}
	return time.Now().UTC().Round(0)
}

func key(cluster, node string) string { return strings.ToLower(cluster + "/" + node) }

// Configure polls by the configuration in force until ctx ends.
func (p *Poller) Configure(ctx context.Context) {
	p.Close()
	cfg := p.Config()
	ctx, p.cancel = context.WithCancel(ctx)
	live := map[string]*cluster{}
	for i := range cfg.CUCM {
		u := &cfg.CUCM[i]
		if !u.Poll.Enabled {
			continue
		}
		c := &cluster{Poller: p, name: u.Cluster, every: u.Poll.Every, failing: map[string]*failure{}}
		live[u.Cluster] = c
		asked, err := p.Reach(u)
		if err != nil {
			c.failing[""] = &failure{since: p.now(), times: 2, err: err}
			p.Log.Error("a CUCM cluster cannot be polled", "cluster", u.Cluster, "err", err)
			continue
		}
		c.asked = asked
		p.wg.Go(func() { c.run(ctx) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = live
	if p.nodes == nil && len(live) > 0 {
		p.recall()
	}
}

// recall reads what an earlier run knew.
func (p *Poller) recall() {
	nodes, _, err := p.file().Recover(p.Log)
	if err != nil {
		p.Log.Error("the base lines of polls cannot be read: the next poll of each node sets its own", "err", err)
	}
	p.nodes = map[string]*baseline{}
	for k, b := range nodes {
		if b != nil && p.now().Sub(b.At) < forgetAfter {
			p.nodes[k] = b
		}
	}
}

// Close ends the polling and waits for it.
func (p *Poller) Close() {
	if p.cancel != nil {
		p.cancel()
	}
	p.wg.Wait()
}

// change changes the baseline of a node and writes it down, at once or within a minute.
func (p *Poller) change(cluster, node string, atOnce bool, do func(*baseline)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes == nil {
		p.recall()
	}
	k := key(cluster, node)
	b := p.nodes[k]
	if b == nil {
		b = &baseline{Cluster: cluster, Node: node}
		p.nodes[k] = b
	}
	do(b)
	if !atOnce && p.now().Sub(p.saved).Abs() < saveEvery {
		return nil
	}
	if err := p.file().Save(p.nodes); err != nil {
		return fmt.Errorf("save the base lines of polls: %w", err)
	}
	p.saved = p.now()
	return nil
}

// of is a copy of what is known of a node.
func (p *Poller) of(cluster, node string) (b baseline) {
	p.change(cluster, node, false, func(known *baseline) { b = *known })
	return b
}

// oldest is how old a baseline may be.
func (p *Poller) oldest() time.Duration { return p.Config().Window.Before }

// A cluster is one that is polled.
type cluster struct {
	*Poller
	name  string
	every time.Duration
	asked Cluster

	state   sync.Mutex
	list    []cucm.Node
	failing map[string]*failure // by node; "": the cluster
	phones  map[string]int64    // registered, by node

	session   *cucm.Session // of all nodes, where they are many; run's alone
	inSession []cucm.Node   // those that it is of
}

// A failure is why a node does not answer.
type failure struct {
	since, last time.Time
	times       int
	err         error
}

// run polls until ctx ends.
func (c *cluster) run(ctx context.Context) {
	defer c.endSession()
	for ctx.Err() == nil {
		began := time.Now()
		n := c.round(ctx)
		period := max(c.every, time.Duration(n)*time.Minute/perMinute)
		wait := time.NewTimer(max(period-time.Since(began), time.Second))
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
		wait.Stop()
	}
}

// round asks all nodes once and returns how many calls that takes.
func (c *cluster) round(ctx context.Context) (calls int) {
	asking, cancel := context.WithTimeout(ctx, patience)
	nodes, err := c.asked.Nodes(asking)
	cancel()
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		c.fail("", c.now(), err)
		nodes = c.nodesSoFar()
	default:
		c.well("")
		nodes = c.known(nodes)
	}
	if s, ok := c.asked.(sessions); ok && len(nodes) > oneByOne {
		c.together(ctx, s, nodes)
		return 1
	}
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			asking, cancel := context.WithTimeout(ctx, max(patience, c.every))
			defer cancel()
			c.digest(ctx, n.Name, func() (map[string]int64, error) { return c.asked.Counters(asking, n) })
		})
	}
	wg.Wait()
	return len(nodes)
}

// known keeps the nodes of a cluster, under names that are fit to be printed.
func (c *cluster) known(nodes []cucm.Node) (list []cucm.Node) {
	for _, n := range nodes[:min(len(nodes), maxNodes)] {
		n.Name = evidence.Printable(n.Name, 100)
		list = append(list, n)
	}
	c.state.Lock()
	defer c.state.Unlock()
	c.list = list
	return list
}

func (c *cluster) nodesSoFar() []cucm.Node {
	c.state.Lock()
	defer c.state.Unlock()
	return c.list
}

// digest takes one node's answer. A panic over what a node sent ends that poll alone.
func (c *cluster) digest(ctx context.Context, node string, ask func() (map[string]int64, error)) {
	defer func() {
		if v := recover(); v != nil {
			c.Log.Error("panic in a poll of CUCM; continuing without that answer", "cluster", c.name, "node", node, "panic", v, "stack", string(debug.Stack()))
			c.fail(node, c.now(), errors.New("internal error; the log of grab watch has it"))
		}
	}()
	if b := c.of(c.name, node); b.Pending != nil && !c.hand(ctx, node, *b.Pending) {
		return
	}
	answer, err := ask()
	switch now := c.now(); {
	case ctx.Err() != nil:
	case err != nil:
		c.fail(node, now, err)
		if e, ok := errors.AsType[*cucm.Error](err); ok && (e.Kind == cucm.KindUnreachable || e.Kind == cucm.KindService) {
			c.save(c.change(c.name, node, false, (*baseline).gone))
		}
	default:
		c.answered(ctx, node, answer, now)
	}
}

// answered judges an answer.
func (c *cluster) answered(ctx context.Context, node string, answer map[string]int64, now time.Time) {
	known := c.of(c.name, node)
	partial, _ := partialOf(answer)
	if len(partial) == 0 && !known.Set.IsZero() { // else it may be no node that phones register with
		c.fail(node, now, errNoCounter)
	} else {
		c.well(node)
	}
	c.note(node, answer)
	if r := known.judge(answer, now, c.oldest()); r != nil {
		c.rise(ctx, node, pending{*r, answer})
		return
	}
	c.save(c.change(c.name, node, !maps.Equal(known.Partial, partial), func(b *baseline) { b.take(answer, now, c.oldest()) }))
}

var errNoCounter = errors.New("the answer has no counter of partially registered phones, or says that it is not valid")

// rise makes an alert of a rise, in steps that can be repeated.
func (c *cluster) rise(ctx context.Context, node string, p pending) {
	c.Log.Info("a poll of CUCM shows a rise", "cluster", c.name, "node", node, "counter", p.Counter, "was", p.Was, "is", p.Value)
	c.save(c.change(c.name, node, true, func(b *baseline) { b.Pending = &p })) // if it cannot be saved a crash costs it, or makes two of it
	c.hand(ctx, node, p)
}

// hand hands an alert on, and reports whether it is safe.
func (c *cluster) hand(ctx context.Context, node string, p pending) bool {
	if _, err := c.Take(ctx, alert(c.name, node, p, c.Config().Alerts.Kinds)); err != nil {
		if ctx.Err() == nil {
			c.Log.Error("the alert of a poll is not safe on disk yet; retrying", "cluster", c.name, "node", node, "err", err)
		}
		return false
	}
	c.save(c.change(c.name, node, true, func(b *baseline) { b.take(p.Answer, p.Time, c.oldest()) }))
	c.Decide()
	return true
}

func (c *cluster) save(err error) {
	if err != nil {
		c.Log.Warn("a rise while grab watch does not run may be missed", "err", err)
	}
}
