package cucm

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"rtmtgrab/internal/cucm/soap"
)

const (
	perfService = "PerfMon"
	perfPath    = "/perfmonservice2/services/PerfmonService"

	// PerfObject is the object that Counters asks for.
	PerfObject = "Cisco CallManager"
	// PartialCounter is the counter that RTMT's alert is of.
	PartialCounter = "PartiallyRegisteredPhone"
)

type xmlCounter struct {
	Name   string `xml:"name"`
	Value  string `xml:"value"`
	Status string `xml:"cstatus"`
}

// valid is the value, if the node says that it is one.
func (x xmlCounter) valid() (int64, bool) {
	if s := clean(x.Status); s != "0" && s != "1" {
		return 0, false
	}
	if n, err := strconv.ParseInt(clean(x.Value), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(clean(x.Value), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1<<62 {
		return 0, false
	}
	return int64(f), true
}

// split reads \\NODE\OBJECT\COUNTER.
func (x xmlCounter) split() (node, object, counter string, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(clean(x.Name), `\\`), `\`, 3)
	if len(parts) != 3 {
		return "", "", "", false
	}
	return parts[0], parts[1], parts[2], true
}

// Bounds of an answer, far beyond what a node has.
const (
	mostCounters  = 2000 // of a node
	mostAnswering = 200  // nodes
)

// tables are counters by the node that they are of, as the answer names it, and by their names.
type tables map[string]map[string]int64

// put takes a counter in; what is missing or not valid is left out.
func (t tables) put(x xmlCounter) {
	node, _, counter, ok := x.split()
	v, valid := x.valid()
	if !ok || !valid || t[node] == nil && len(t) >= mostAnswering {
		return
	}
	if t[node] == nil {
		t[node] = map[string]int64{}
	}
	if len(t[node]) < mostCounters {
		t[node][counter] = v
	}
}

// Counters are those of the node's Cisco CallManager, by name. What is missing or not
// valid is not among them. The node itself is asked, or the publisher if it is the only
// one that is configured. An answer that is of another node of the cluster is an error: its
// rise would be told of the wrong one, or of both.
func (c *Cluster) Counters(ctx context.Context, n Node) (map[string]int64, error) {
	all := tables{}
	body := fmt.Sprintf(`<a:perfmonCollectCounterData><a:Host>%s</a:Host><a:Object>%s</a:Object></a:perfmonCollectCounterData>`, escape(n.Name), PerfObject)
	if err := c.perfmon(ctx, n, "perfmonCollectCounterData", body, all.put); err != nil {
		return nil, err
	}
	for name, values := range all {
		if n.Is(name) {
			return values, nil
		}
	}
	names := slices.Sorted(maps.Keys(all))
	switch others := c.Known(); {
	case len(names) == 0:
		return map[string]int64{}, nil
	case len(names) == 1 && !slices.ContainsFunc(others, func(o Node) bool { return o.Is(names[0]) }):
		return all[names[0]], nil // by a name of its own that nobody has told us
	}
	return nil, &Error{Kind: KindAnswer, Cluster: c.cfg.Cluster, Node: n.Name, Address: n.Address, Service: perfService,
		Text: "it answers for " + strings.Join(names[:min(len(names), 3)], ", ") + ": is cucm[].nodes right, each name with its address?"}
}

// perfmon makes one call and reads its counters one by one.
func (c *Cluster) perfmon(ctx context.Context, n Node, action, body string, each func(xmlCounter)) error {
	if err := c.perf.wait(ctx); err != nil {
		return &Error{Kind: KindCanceled, Cluster: c.cfg.Cluster, Node: n.Name, Address: n.Address, Service: perfService, Err: err}
	}
	r := soap.Request{Service: perfService, Path: perfPath, Action: action, Body: body, Background: true}
	return c.soap.Call(ctx, target(n), r, func(d *xml.Decoder, start xml.StartElement) error {
		for {
			t, err := d.Token()
			if err != nil {
				return err
			}
			switch t := t.(type) {
			case xml.EndElement:
				return nil
			case xml.StartElement:
				var x xmlCounter
				if err := d.DecodeElement(&x, &t); err != nil {
					return err
				}
				each(x)
			}
		}
	})
}

// A Session collects some counters of several nodes with one call. It is not safe for
// concurrent use; Close is due.
type Session struct {
	cluster *Cluster
	node    Node
	handle  string
}

// OpenSession makes a session at a node for counters of the nodes' Cisco CallManager.
func (c *Cluster) OpenSession(ctx context.Context, at Node, nodes []Node, counters ...string) (*Session, error) {
	s := &Session{cluster: c, node: at}
	handle, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	s.handle = handle
	var b strings.Builder
	fmt.Fprintf(&b, `<a:perfmonAddCounter><a:SessionHandle>%s</a:SessionHandle><a:ArrayOfCounter>`, escape(s.handle))
	for _, n := range nodes {
		for _, counter := range counters {
			fmt.Fprintf(&b, `<a:Counter><a:Name>%s</a:Name></a:Counter>`, escape(`\\`+n.Name+`\`+PerfObject+`\`+counter))
		}
	}
	b.WriteString(`</a:ArrayOfCounter></a:perfmonAddCounter>`)
	if err := c.perfmon(ctx, at, "perfmonAddCounter", b.String(), func(xmlCounter) {}); err != nil {
		s.Close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *Session) open(ctx context.Context) (handle string, err error) {
	c := s.cluster
	if err := c.perf.wait(ctx); err != nil {
		return "", &Error{Kind: KindCanceled, Cluster: c.cfg.Cluster, Node: s.node.Name, Address: s.node.Address, Service: perfService, Err: err}
	}
	r := soap.Request{Service: perfService, Path: perfPath, Action: "perfmonOpenSession", Body: `<a:perfmonOpenSession/>`, Background: true}
	err = c.soap.Call(ctx, target(s.node), r, func(d *xml.Decoder, start xml.StartElement) error {
		var answer struct {
			Return string `xml:"perfmonopensessionreturn"`
		}
		if err := d.DecodeElement(&answer, &start); err != nil {
			return err
		}
		if handle = clean(answer.Return); handle == "" {
			return fmt.Errorf("the session has no handle")
		}
		return nil
	})
	return handle, err
}

// Collect is the valid counters of each node, by the node's name as CUCM writes it. After
// an error the session is of no use.
func (s *Session) Collect(ctx context.Context) (map[string]map[string]int64, error) {
	values := tables{}
	body := fmt.Sprintf(`<a:perfmonCollectSessionData><a:SessionHandle>%s</a:SessionHandle></a:perfmonCollectSessionData>`, escape(s.handle))
	err := s.cluster.perfmon(ctx, s.node, "perfmonCollectSessionData", body, values.put)
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Close ends the session; one that is not closed ends by itself.
func (s *Session) Close(ctx context.Context) error {
	body := fmt.Sprintf(`<a:perfmonCloseSession><a:SessionHandle>%s</a:SessionHandle></a:perfmonCloseSession>`, escape(s.handle))
	return s.cluster.perfmon(ctx, s.node, "perfmonCloseSession", body, func(xmlCounter) {})
}
