package checkup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/wiring"
)

const (
	cucmWait    = 3 * time.Minute // for all of one cluster
	clockBound  = 5 * time.Second // by which a node's clock may be off
	traceWindow = time.Hour       // in which a trace is looked for
	traceBound  = 64 << 20        // of its text that is looked at
	sipEnough   = 1               // messages that show the level is high enough
	recordsMin  = 200             // records of which none is SIP, to say that it is too low
)

// A clusterTrial tries one cluster and changes nothing there. It logs in whatever was
// refused before: a person asks.
type clusterTrial struct {
	entry   *config.CUCM
	cluster *cucm.Cluster
	found   []Finding
}

// tryClusters tries every cluster of cucm: at once.
func tryClusters(ctx context.Context, cfg *config.Config, timeout time.Duration) []Finding {
	found := make([][]Finding, len(cfg.CUCM)) // one element for each goroutine
	var wg sync.WaitGroup
	for i := range cfg.CUCM {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, cmp.Or(timeout, cucmWait))
			defer cancel()
			u := &cfg.CUCM[i]
			cluster, err := wiring.CUCM(cfg, u, true)
			if err != nil {
				found[i] = []Finding{{What: "cucm/" + u.Cluster, Status: StatusFail, Detail: err.Error(), Hint: "check cucm.ca_file"}}
				return
			}
			t := &clusterTrial{entry: u, cluster: cluster}
			t.all(ctx)
			found[i] = t.found
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

func (t *clusterTrial) say(what, status, detail, hint string) {
	t.found = append(t.found, Finding{What: "cucm/" + t.entry.Cluster + what, Status: status, Detail: detail, Hint: hint})
}

// failed tells of an error. It reports whether there is no use in going on: the account
// would be locked.
func (t *clusterTrial) failed(what string, err error) (stop bool) {
	e, ok := errors.AsType[*cucm.Error](err)
	if !ok {
		t.say(what, StatusFail, err.Error(), "")
		return false
	}
	status := StatusFail
	if e.Kind == cucm.KindRate || e.Kind == cucm.KindBusy {
		status = StatusWarn
	}
	t.say(what, status, err.Error(), advice.ForCUCM(e))
	return e.Kind == cucm.KindRefused || e.Kind == cucm.KindBlocked || e.Kind == cucm.KindLocal || e.Kind == cucm.KindCanceled
}

func (t *clusterTrial) all(ctx context.Context) {
	t.incidents(ctx)
	if t.entry.Reset.Enabled { // another account
		t.reset(ctx)
	}
}

// reset tries the account for resets.
func (t *clusterTrial) reset(ctx context.Context) {
	if err := t.cluster.TryReset(ctx); err != nil {
		t.failed("/reset", err)
		return
	}
	t.say("/reset", StatusOK, "the account "+t.entry.Reset.User+" may use AXL; nothing was reset", "")
}

// incidents tries what incidents and polls ask for.
func (t *clusterTrial) incidents(ctx context.Context) {
	if t.entry.Names && t.names(ctx) {
		return
	}
	nodes, err := t.cluster.Nodes(ctx)
	if err != nil {
		t.failed("/nodes", err)
		return
	}
	if len(t.entry.Nodes) == 0 {
		t.say("/nodes", StatusOK, fmt.Sprintf("the publisher lists %s", human.Plural(len(nodes), "node")), "")
	}
	for _, n := range nodes {
		if t.node(ctx, n) {
			return
		}
	}
}

// names asks which phones are partial.
func (t *clusterTrial) names(ctx context.Context) (stop bool) {
	p, err := t.cluster.Phones(ctx, cucm.Query{Status: cucm.StatusPartial, Once: true})
	if err != nil {
		return t.failed("/names", err)
	}
	detail := human.Plural(len(p.Devices), "phone") + " partially registered now"
	if len(p.Devices) == 0 {
		detail = "no phone is partially registered now"
	}
	for _, n := range p.Nodes {
		if !n.OK() {
			t.say("/names", StatusWarn, fmt.Sprintf("%s; node %s did not answer for its phones: %s", detail, n.Name, n.Code), "names stay uncertain while a node does not answer: is Cisco RIS Data Collector running there (Serviceability > Tools > Control Center - Network Services)?")
			return false
		}
	}
	t.say("/names", StatusOK, detail, "")
	return false
}

// node tries what is asked of a node itself.
func (t *clusterTrial) node(ctx context.Context, n cucm.Node) (stop bool) {
	at := "/" + n.Name
	if t.entry.Poll.Enabled {
		counters, err := t.cluster.Counters(ctx, n)
		if err != nil {
			if t.failed(at+"/counters", err) {
				return true
			}
		} else {
			t.counters(at, counters)
		}
	}
	if _, err := t.cluster.AskServices(ctx, n); err != nil {
		if t.failed(at+"/logs", err) {
			return true
		}
	} else if t.entry.Traces {
		t.traces(ctx, n)
	}
	t.clock(n)
	return false
}

func (t *clusterTrial) counters(at string, counters map[string]int64) {
	n, there := counters[cucm.PartialCounter]
	if !there {
		t.say(at+"/counters", StatusWarn, "CUCM has no counter "+cucm.PartialCounter+" here", "does the node run Cisco CallManager? Only such nodes have it; leave the others out of cucm.nodes")
		return
	}
	t.say(at+"/counters", StatusOK, fmt.Sprintf("%s is %d", cucm.PartialCounter, n), "")
}

func (t *clusterTrial) clock(n cucm.Node) {
	ahead, ok := t.cluster.Ahead(n)
	if !ok {
		return
	}
	at, ahead := "/"+n.Name+"/clock", ahead.Round(time.Second)
	if ahead.Abs() <= clockBound {
		t.say(at, StatusOK, fmt.Sprintf("within %s of this machine's", human.Span(clockBound)), "")
		return
	}
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	t.say(at, StatusWarn, fmt.Sprintf("%s %s this machine's", human.Span(ahead.Abs()), way), "the traces' times are shifted by that; compare both with their NTP servers: "+advice.PageClock)
}

// traces looks into the newest trace for SIP messages.
func (t *clusterTrial) traces(ctx context.Context, n cucm.Node) {
	at, now := "/"+n.Name+"/trace", time.Now()
	files, err := t.cluster.Files(ctx, n, cucm.LogSDL, evidence.NewWindow(now.Add(-traceWindow), now))
	switch {
	case err != nil:
		t.failed("/"+n.Name+"/logs", err)
		return
	case len(files) == 0:
		t.say(at, StatusWarn, "no SDL trace of the last hour", "does the node run Cisco CallManager? If so switch its trace on: "+advice.PageTrace)
		return
	}
	t.say("/"+n.Name+"/logs", StatusOK, human.Plural(len(files), "SDL trace")+" of the last hour", "")
	newest := files[len(files)-1]
	look, err := lookForSIP(ctx, t.cluster, n, newest)
	switch {
	case err != nil && look.records == 0:
		t.failed(at, fmt.Errorf("%s: %w", newest.Name, err))
	case look.messages >= sipEnough:
		t.say(at, StatusOK, newest.Name+" has SIP messages", "")
	case look.records < recordsMin:
		t.say(at, StatusOK, fmt.Sprintf("%s is too short yet to tell the trace level (%s)", newest.Name, human.Plural(look.records, "record")), "")
	default:
		t.say(at, StatusWarn, fmt.Sprintf("no SIP message in %s (%s): the trace level is too low for SIP", newest.Name, human.Plural(look.records, "record")),
			"set Debug Trace Level to Detailed and switch SIP Call Processing Trace on: "+advice.PageTrace+". Without them alarms alone say when CUCM dropped a phone")
	}
}

// sip is what was seen of a trace.
type sip struct{ records, messages int }

// lookForSIP reads a trace until it has seen a message. What came before an error counts.
func lookForSIP(ctx context.Context, c *cucm.Cluster, n cucm.Node, f cucm.File) (sip, error) {
	var s sip
	body, err := c.Open(ctx, n, f.Path)
	if err != nil {
		return s, err
	}
	defer body.Close()
	text, err := cucm.Plain(body, f.Growing())
	if err != nil {
		return s, err
	}
	r := cucmtrace.NewReader(io.LimitReader(text, traceBound), cucmtrace.Place{Modified: f.Modified})
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		if rec.Head {
			s.records++
		}
		if _, ok := rec.Message(); ok {
			s.messages++
			return s, nil
		}
	}
}
