package wiring

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/cucm/gather"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

// Clusters are the CUCM clusters of the configuration in force. One is made anew when the
// configuration is. It is safe for concurrent use.
type Clusters struct {
	Cfg func() *config.Config
	Log *slog.Logger // nil: nothing

	// Make makes one; nil: CUCM does, for all that ask about incidents.
	Make func(cfg *config.Config, u *config.CUCM) (*cucm.Cluster, error)

	mu   sync.Mutex
	of   *config.Config // for which made are
	made map[string]madeCluster
}

// madeCluster is one, or why there is none.
type madeCluster struct {
	*cucm.Cluster
	err error
}

// Of is the cluster of an entry of cucm:, the same for as long as the configuration is.
func (c *Clusters) Of(cfg *config.Config, u *config.CUCM) (*cucm.Cluster, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != cfg {
		c.of, c.made = cfg, map[string]madeCluster{}
	}
	if made, there := c.made[u.Cluster]; there {
		return made.Cluster, made.err
	}
	create := c.Make
	if create == nil {
		create = func(cfg *config.Config, u *config.CUCM) (*cucm.Cluster, error) { return CUCM(cfg, u, false) }
	}
	made, err := create(cfg, u)
	if err != nil && c.Log != nil {
		c.Log.Error("a CUCM cluster cannot be asked", "cluster", u.Cluster, "err", err)
	}
	c.made[u.Cluster] = madeCluster{made, err}
	return made, err
}

// Site is what of the configuration is of use for gathering about a site's incidents.
func (c *Clusters) Site(name string) gather.Site {
	cfg := c.Cfg()
	s := cfg.Site(name)
	if s == nil || len(cfg.CUCM) == 0 {
		return gather.Site{}
	}
	site := gather.Site{C: map[netip.Addr]string{}}
	for _, h := range s.Hosts {
		host := h.Address[:max(strings.LastIndexByte(h.Address, ':'), 0)]
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && h.Role == "C" {
			site.C[ip.Unmap()] = h.Name
		}
	}
	for _, u := range cfg.ClustersOf(s) {
		if made, err := c.Of(cfg, u); err == nil && (u.Names || u.Traces) {
			site.Entries = append(site.Entries, gather.Entry{Cluster: made, Names: u.Names, Traces: u.Traces, Whole: u.Whole, Settle: u.Settle, Bandwidth: u.Bandwidth, Max: u.Max})
		}
	}
	return site
}

// NewGatherer is what gathers about the incidents of a store, by the configuration in force.
// Its Close is due.
func NewGatherer(st *incident.Store, c *Clusters, reserve *diskspace.Reserve, log *slog.Logger) *gather.Gatherer {
	g := &gather.Gatherer{Store: st, Site: c.Site, Log: log}
	if reserve != nil {
		g.Room = reserve.Refusal
	}
	return g
}

// Beside is a runner's, for a gatherer and others who hear that an incident begins.
func Beside(g *gather.Gatherer, begin ...func(incident.Incident)) runner.Beside {
	all := func(in incident.Incident) {
		g.Begin(in)
		for _, b := range begin {
			b(in)
		}
	}
	return runner.Beside{Begin: all, Await: func(ctx context.Context, job runner.SealJob) {
		g.Await(ctx, job.Incident, gather.Logs{Manifest: job.Manifest, Open: gather.Opener(job.Open)})
	}}
}
