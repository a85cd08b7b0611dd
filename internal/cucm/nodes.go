package cucm

import (
	"context"
	"encoding/xml"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/cucm/soap"
)

const (
	logService = "Log Collection"
	logPath    = "/logcollectionservice2/services/LogCollectionPortTypeService"
)

// A Services is what logs a node says it has.
type Services struct {
	Node    string
	Service []string
	System  []string
}

// catalogue is what the cluster said of its nodes.
type catalogue struct {
	mu    sync.Mutex
	at    time.Time
	nodes []Services
	zones map[string]string // of each node, as getTimeZone says it
}

// maxNodes bounds a cluster: CUCM's have some twenty, and each node costs those who ask it.
const maxNodes = 100

// catalogueAge is how long it holds.
const catalogueAge = time.Hour

// Nodes are the configured nodes, or those that the publisher lists.
func (c *Cluster) Nodes(ctx context.Context) ([]Node, error) {
	if len(c.cfg.Nodes) > 0 {
		return c.cfg.Nodes, nil
	}
	lists, err := c.Services(ctx, c.Publisher())
	if err != nil {
		return nil, err
	}
	return c.listed(lists), nil
}

// listed are the nodes of a list, as they can be reached.
func (c *Cluster) listed(lists []Services) []Node {
	p := c.Publisher()
	_, port, _ := net.SplitHostPort(p.Address)
	var nodes []Node
	for _, s := range lists {
		n := Node{Name: s.Node, Address: net.JoinHostPort(c.qualified(s.Node), port)}
		if p.Is(s.Node) || len(lists) == 1 {
			n.Address, n.Aliases = p.Address, []string{p.Name}
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// qualified is a node's name with the publisher's domain, if it has none of its own.
func (c *Cluster) qualified(name string) string {
	p := c.Publisher().Name
	if _, domain, found := strings.Cut(p, "."); found && !strings.Contains(name, ".") && !isIP(p) && !isIP(name) {
		return name + "." + domain
	}
	return name
}

// Services asks a node which logs the nodes of the cluster have. An answer that is less
// than an hour old is given again.
func (c *Cluster) Services(ctx context.Context, n Node) ([]Services, error) {
	c.found.mu.Lock()
	nodes, at := c.found.nodes, c.found.at
	c.found.mu.Unlock()
	if len(nodes) > 0 && time.Since(at) < catalogueAge {
		return nodes, nil
	}
	return c.AskServices(ctx, n)
}

// AskServices is Services of now.
func (c *Cluster) AskServices(ctx context.Context, n Node) ([]Services, error) {
	r := soap.Request{Service: logService, Path: logPath, Action: "listNodeServiceLogs", Background: true,
		Body: `<a:listNodeServiceLogs><a:ListRequest/></a:listNodeServiceLogs>`}
	var lists []Services
	err := c.soap.Call(ctx, target(n), r, func(d *xml.Decoder, start xml.StartElement) error {
		var answer struct {
			Return []struct {
				Name    string   `xml:"name"`
				Service []string `xml:"servicelog>item"`
				System  []string `xml:"systemlog>item"`
			} `xml:"listnodeservicelogsreturn"`
		}
		if err := d.DecodeElement(&answer, &start); err != nil {
			return err
		}
		for _, r := range answer.Return {
			name := strings.TrimSpace(r.Name)
			if name == "" || slices.ContainsFunc(lists, func(s Services) bool { return strings.EqualFold(s.Node, name) }) {
				continue
			}
			if len(lists) == maxNodes {
				return fmt.Errorf("more than %d nodes are listed, and no cluster has so many", maxNodes)
			}
			lists = append(lists, Services{Node: name, Service: r.Service, System: r.System})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.found.mu.Lock()
	c.found.nodes, c.found.at = lists, time.Now()
	c.found.mu.Unlock()
	return lists, nil
}

// Known are the nodes that are configured, or were listed: nobody is asked.
func (c *Cluster) Known() []Node {
	if len(c.cfg.Nodes) > 0 {
		return c.cfg.Nodes
	}
	c.found.mu.Lock()
	lists := c.found.nodes
	c.found.mu.Unlock()
	if len(lists) == 0 {
		return []Node{c.Publisher()}
	}
	return c.listed(lists)
}
