package gather

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/leap"
)

// How often the traces of a node are fetched, and how long is waited before the next time:
// while the file that holds the window's end is still being written, or the node did not answer.
var looks = []time.Duration{0, time.Minute, 3 * time.Minute, 10 * time.Minute}

// traces fetches the traces of the nodes that the alert, the logs and the names tell of.
func (j *job) traces(ctx context.Context, e Entry) {
	select {
	case <-j.ready:
	case <-ctx.Done():
		return
	}
	cluster := e.Cluster.Name()
	if j.answered(cluster).Traced || !j.g.sleepUntil(ctx, j.logs().Asked.Until.Add(e.Settle)) {
		return
	}
	nodes := j.nodes(ctx, e)
	if ctx.Err() != nil {
		return
	}
	var budget atomic.Int64
	budget.Store(e.Max)
	var wg sync.WaitGroup
	for _, n := range j.concerned(cluster, nodes) {
		wg.Go(func() {
			(&fetching{job: j, entry: e, node: n, name: j.rowName(cluster, n.Name), left: &budget, asked: j.logs().Asked}).all(ctx)
		})
	}
	wg.Wait()
	if ctx.Err() == nil {
		j.change(cluster, func(a *answers) { a.Traced = true })
	}
}

// sleepUntil waits for a moment, however the clock is set meanwhile; false: the context ended.
func (g *Gatherer) sleepUntil(ctx context.Context, at time.Time) bool {
	for end := leap.Until(g.now(), at); ; {
		now := g.now()
		left := min(at.Sub(now), end.Sub(now))
		t := time.NewTimer(min(left, time.Minute))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
		if left <= time.Minute {
			return ctx.Err() == nil
		}
	}
}

// concerned are the nodes that something tells of; all, if nothing does.
func (j *job) concerned(cluster string, nodes []cucm.Node) []cucm.Node {
	told := append([]string{}, j.logs().Nodes...)
	told = append(told, j.seen().Nodes[cluster]...)
	a := j.answered(cluster)
	for _, p := range []*cucm.Phones{a.First, a.Second} {
		if p == nil {
			continue
		}
		for _, d := range p.Devices {
			if d.Status == cucm.StatusPartial {
				told = append(told, d.Node)
			}
		}
	}
	var list []cucm.Node
	for _, n := range nodes {
		for _, name := range told {
			if n.Is(name) {
				list = append(list, n)
				break
			}
		}
	}
	if len(list) == 0 {
		return nodes
	}
	return list
}

// fetching is the fetching of one node's logs. One goroutine does it.
type fetching struct {
	*job
	entry Entry
	node  cucm.Node
	name  string        // in the bundle
	left  *atomic.Int64 // bytes that the incident may still take
	took  int64         // of these, by the look that is under way

	asked   evidence.Window
	ahead   time.Duration   // the node's clock
	clocked bool            // it was measured
	window  evidence.Window // by that clock
	zone    *time.Location
	limiter *rate.Limiter // nil: none
}

// all fetches the node's logs, again while that may bring more.
func (f *fetching) all(ctx context.Context) {
	if f.entry.Bandwidth > 0 {
		f.limiter = rate.NewLimiter(rate.Limit(f.entry.Bandwidth), int(min(f.entry.Bandwidth, 1<<20)))
	}
	for n := 0; ; n++ {
		last := n >= len(looks)-1
		if !f.g.sleepUntil(ctx, f.g.now().Add(looks[min(n, len(looks)-1)])) {
			return
		}
		f.left.Add(f.took) // what the look before took this one replaces
		f.took = 0
		row, files, again := f.once(ctx)
		if ctx.Err() != nil {
			for _, in := range files {
				in.Drop()
			}
			return
		}
		err := f.add(f.entry.Cluster.Name(), []evidence.CUCMNode{row}, files)
		full := atomicfile.Full(err) || lacksRoom(row)
		done := !again && !full || last && (!full || f.g.now().Sub(f.asked.Until) > resumeWithin) // CUCM still has them when there is room again
		if f.g.Looked != nil {
			next := looks[min(n+1, len(looks)-1)]
			if done {
				next = 0
			}
			f.g.Looked(f.key, row, next)
		}
		if done {
			return
		}
	}
}

// lacksRoom reports whether something of a node is missing because the disk here is full.
func lacksRoom(row evidence.CUCMNode) bool {
	for _, file := range row.Files {
		for _, s := range file.Missing {
			if s.Reason == evidence.ReasonDisk {
				return true
			}
		}
	}
	return false
}

// once fetches all kinds of logs one after the other.
func (f *fetching) once(ctx context.Context) (row evidence.CUCMNode, files []material.Incoming, again bool) {
	f.zone = f.entry.Cluster.Zone(ctx, f.node)
	ahead, measured := f.entry.Cluster.Ahead(f.node)
	if f.window == (evidence.Window{}) || measured && !f.clocked { // measured once: a window that moves would make a later look less
		f.window, f.ahead, f.clocked = f.asked, 0, measured
		if measured {
			f.ahead = ahead
			f.window = f.asked.Shift(ahead).Widen(clockError)
		}
	}
	ahead, measured = f.ahead, f.clocked
	row = evidence.CUCMNode{Node: f.name, Address: f.node.Address, Files: []evidence.File{}}
	if measured {
		ms := ahead.Milliseconds()
		row.ClockOffsetMS = &ms
	}
	var parts []evidence.Coverage
	for _, kind := range cucm.Logs {
		file, got, err := f.kind(ctx, kind)
		files = append(files, got...)
		if err != nil {
			row.Error = cmp.Or(row.Error, evidence.Printable(err.Error(), 400))
			again = again || !permanent(err)
			f.g.log().Warn("logs of a CUCM node could not be fetched", "incident", f.in.ID, "node", f.node.Name, "log", kind, "err", err)
		}
		if file.Family == "" {
			continue // the node has no such log, and needs none
		}
		for _, s := range file.Missing {
			again = again || s.Reason == evidence.ReasonToCome
		}
		row.Files, parts = append(row.Files, file), append(parts, file.Coverage)
	}
	row.Coverage = evidence.Sum(parts...)
	return row, files, again
}

// clockError is by how much a measured clock may be wrong: a Date is told in seconds.
const clockError = time.Second

func permanent(err error) bool {
	e, ok := errors.AsType[*cucm.Error](err)
	return ok && e.Permanent()
}

// lostNode is the row of a node that gave nothing.
func lostNode(n cucm.Node, w evidence.Window, err error) evidence.CUCMNode {
	return evidence.CUCMNode{Node: n.Name, Address: n.Address, Coverage: evidence.Lost, Error: evidence.Printable(err.Error(), 400), Files: []evidence.File{lostFile(cucm.LogSDL, w, err)}}
}

func lostFile(kind string, w evidence.Window, err error) evidence.File {
	return evidence.File{Family: kind, Coverage: evidence.Lost, Missing: []evidence.Span{{Since: w.Since, Until: w.Until, Reason: reasonOf(err)}}, Sources: []evidence.Source{}}
}

// reasonOf is the manifest's word for an error.
func reasonOf(err error) string {
	if errors.Is(err, errRoom) || atomicfile.Full(err) {
		return evidence.ReasonDisk
	}
	if _, ok := errors.AsType[*cucm.ShortError](err); ok {
		return evidence.ReasonRead
	}
	e, ok := errors.AsType[*cucm.Error](err)
	if !ok {
		return evidence.ReasonRead
	}
	switch e.Kind {
	case cucm.KindUnreachable, cucm.KindCanceled:
		return evidence.ReasonUnreachable
	case cucm.KindCertificate:
		return evidence.ReasonHostKey
	case cucm.KindRefused, cucm.KindBlocked, cucm.KindRole:
		return evidence.ReasonLogin
	case cucm.KindLocal:
		return evidence.ReasonNoLogin
	case cucm.KindService:
		return evidence.ReasonAbsent
	case cucm.KindBusy, cucm.KindRate:
		return evidence.ReasonSlow
	case cucm.KindMissing:
		return evidence.ReasonVanished
	}
	return evidence.ReasonRead
}

// add puts rows and files beside the incident's logs.
func (j *job) add(cluster string, rows []evidence.CUCMNode, files []material.Incoming) error {
	err := material.Of(j.g.Store, j.key).Add(j.g.now(), material.Change{Files: files, CUCM: []evidence.CUCM{{Cluster: cluster, Nodes: rows}}})
	if err != nil && !errors.Is(err, incident.ErrRemoved) {
		j.g.log().Warn("traces of CUCM cannot be added", "incident", j.in.ID, "cluster", cluster, "err", err)
	}
	return err
}
