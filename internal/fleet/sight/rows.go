package sight

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// How a collector stands in an Overview, beside the states of its own word.
const (
	Silent = fleet.Silent
	Left   = fleet.Left
)

// A Collector is one of a tenant, as the hub knows it.
type Collector struct {
	Name  string        `json:"collector"`
	State string        `json:"state"`             // that of Word; Silent or Left; "starting": nothing was heard yet
	AgeS  float64       `json:"age_s,omitempty"`   // of Word, by the hub's clock
	Since time.Time     `json:"since,omitzero"`    // it is there, silent, or has left
	Told  string        `json:"told_by,omitempty"` // the collector that tells people of its silence
	Word  *fleet.Status `json:"status,omitempty"`  // its last; nil: none within fleet.StatusFor
	Sites []string      `json:"reaches,omitempty"` // by the directory
}

// Starting is the state of a collector that is there and of which nothing was heard yet.
const Starting = "starting"

// A Site is one of a tenant.
type Site struct {
	Site       string   `json:"site"`
	Works      bool     `json:"works"`             // an alert that came now would work at one of its collectors
	Planned    bool     `json:"planned,omitempty"` // it would not, because the site's schedule says so
	Collectors []string `json:"collectors"`        // that reach it
	Working    []string `json:"working"`           // of these, where an alert would work
}

// An Overview is how a fleet is, at one moment.
type Overview struct {
	Works      bool        `json:"works"` // every site works at a collector, none of these is silent, and each says that it works
	Now        time.Time   `json:"now"`   // by the hub's clock
	Collectors []Collector `json:"collectors"`
	Sites      []Site      `json:"sites"`
}

// maxEntries bounds what is read of one bucket.
const maxEntries = 200_000

// See reads how a fleet is.
func See(ctx context.Context, js jetstream.JetStream) (Overview, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*callFor)
	defer cancel()
	b, err := open(ctx, js)
	if err != nil {
		return Overview{}, err
	}
	now, err := clock(ctx, b.status)
	if err != nil {
		return Overview{}, err
	}
	all := map[string]*Collector{}
	of := func(name string) *Collector {
		if all[name] == nil && len(all) < maxCollectors {
			all[name] = &Collector{Name: name}
		}
		return cmp.Or(all[name], &Collector{})
	}
	if err := readAll(ctx, b.presence, func(e jetstream.KeyValueEntry) {
		if p, err := fleet.ParsePresence(e.Key(), e.Value()); err == nil {
			c := of(p.Collector)
			c.State, c.Since = p.State, e.Created().UTC()
			if p.State == fleet.Silent {
				c.Told = p.Notifier
			}
		}
	}); err != nil {
		return Overview{}, err
	}
	if err := readAll(ctx, b.status, func(e jetstream.KeyValueEntry) {
		if w, err := fleet.ParseStatus(e.Key(), e.Value()); err == nil {
			c := of(w.Collector)
			c.Word, c.AgeS = &w, max(now.Sub(e.Created()), 0).Seconds()
		}
	}); err != nil {
		return Overview{}, err
	}
	sites, err := directory(ctx, js, of)
	if err != nil {
		return Overview{}, err
	}
	return conclude(now, all, sites), nil
}

// clock is the hub's; this machine's where the hub does not say it.
func clock(ctx context.Context, kv jetstream.KeyValue) (time.Time, error) {
	now, err := hub.Clock(ctx, kv)
	if err == nil && now.IsZero() {
		now = time.Now()
	}
	return now.UTC(), err
}

// readAll gives what a bucket has now.
func readAll(ctx context.Context, kv jetstream.KeyValue, each func(jetstream.KeyValueEntry)) error {
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("read bucket %s: %w", kv.Bucket(), err)
	}
	defer w.Stop()
	for range maxEntries {
		select {
		case e, ok := <-w.Updates():
			if e == nil && ok {
				return nil
			}
			if !ok {
				return fmt.Errorf("read bucket %s: %w", kv.Bucket(), cmp.Or(ctx.Err(), errors.New("the connection was lost")))
			}
			each(e)
		case <-ctx.Done():
			return fmt.Errorf("read bucket %s: %w", kv.Bucket(), ctx.Err())
		}
	}
	return nil
}

// directory is which collectors reach which site, and says it to them. Sites of which none is
// written there are known from what collectors say.
func directory(ctx context.Context, js jetstream.JetStream, of func(string) *Collector) (map[string][]string, error) {
	sites := map[string][]string{}
	kv, err := js.KeyValue(ctx, fleet.DirectoryBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return sites, nil
	}
	if err != nil {
		return nil, missing(fleet.DirectoryBucket, err)
	}
	return sites, readAll(ctx, kv, func(e jetstream.KeyValueEntry) {
		var d fleet.Entry
		if len(e.Value()) > fleet.MaxStatus || json.Unmarshal(e.Value(), &d) != nil || fleet.DirectoryKey(d.Site, d.Collector) != e.Key() || evidence.CheckName(d.Site) != nil || fleet.CheckName(d.Collector) != nil {
			return
		}
		sites[d.Site] = append(sites[d.Site], d.Collector)
		c := of(d.Collector)
		c.Sites = append(c.Sites, d.Site)
	})
}

func conclude(now time.Time, all map[string]*Collector, sites map[string][]string) Overview {
	o := Overview{Works: len(all) > 0, Now: now, Collectors: []Collector{}, Sites: []Site{}}
	forget(all, sites)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		c.settle(now)
		slices.Sort(c.Sites)
		if c.State == Silent || c.State == fleet.StateBlocked || c.Unheard() {
			o.Works = false
		}
		o.Collectors = append(o.Collectors, *c)
		if c.Word != nil && c.heard() {
			for _, w := range c.Word.Sites {
				if !slices.Contains(sites[w.Site], name) {
					sites[w.Site] = append(sites[w.Site], name)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sites)) {
		s := Site{Site: name, Collectors: slices.Sorted(slices.Values(sites[name])), Working: []string{}}
		for _, by := range s.Collectors {
			switch works, planned := all[by].works(name); {
			case works:
				s.Works = true
				s.Working = append(s.Working, by)
			case planned:
				s.Planned = true
			}
		}
		s.Planned = s.Planned && !s.Works
		o.Works = o.Works && (s.Works || s.Planned)
		o.Sites = append(o.Sites, s)
	}
	return o
}

// forget leaves out collectors of which somebody said that they will not come back.
func forget(all map[string]*Collector, sites map[string][]string) {
	for name, c := range all {
		if c.State != fleet.Gone || c.Word != nil {
			continue
		}
		delete(all, name)
		for _, site := range c.Sites {
			sites[site] = slices.DeleteFunc(sites[site], func(n string) bool { return n == name })
			if len(sites[site]) == 0 {
				delete(sites, site)
			}
		}
	}
}

// settle says how a collector stands by its presence and its word.
func (c *Collector) settle(now time.Time) {
	heard := c.Word != nil
	switch {
	case c.State == fleet.Left && (!heard || !c.later(now)):
		c.Word, c.AgeS = nil, 0
	case heard && (c.State != fleet.Silent || c.later(now)):
		c.State, c.Told = cmp.Or(c.Word.State, Starting), ""
	case c.State == fleet.Here && now.Sub(c.Since) < fleet.StatusFor:
		c.State = Starting
	default: // of one of which only the directory knows, too
		c.State = Silent
	}
}

// later reports whether its word came after what its presence says.
func (c *Collector) later(now time.Time) bool {
	return now.Add(-time.Duration(c.AgeS * float64(time.Second))).After(c.Since)
}

func (c *Collector) heard() bool { return c.State != Silent && c.State != Left }

// Unheard reports whether it is there and has not said yet how it is.
func (c *Collector) Unheard() bool { return c.State == Starting && c.Word == nil }

// works is whether an alert of a site would work at the collector, or its schedule says not to.
func (c *Collector) works(site string) (works, planned bool) {
	if c == nil || c.Word == nil || !c.heard() {
		return false, false
	}
	for _, w := range c.Word.Sites {
		if w.Site == site {
			return w.Works, w.Planned
		}
	}
	// Where not all sites are named, all that do not work are.
	return len(c.Word.Sites) < c.Word.AllSites && c.Word.NotSites < fleet.MaxSites && c.Word.State != fleet.StateBlocked, false
}
