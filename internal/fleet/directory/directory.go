// Package directory knows which collector of the fleet reaches which site.
//
// Each collector says of each of its sites what the site claims; all hear of it and keep a copy
// on disk, so that an alert finds its way while the hub is away, and right after a start. What
// somebody says that cannot be, or is too much, is left out, and what was known of it stays. A
// collector that a person has had forgotten, or that was not there for as long as alerts are kept, counts for
// nothing until it is back. It does not know how alerts get there.
package directory

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
)

// Bounds of what others can say.
const (
	maxEntry   = 128 << 10 // bytes of one
	maxEntries = 20_000
	maxClaims  = 1000     // clusters, and nodes, of one site
	maxBytes   = 16 << 20 // of all
	maxKeys    = 200      // characters of those by which it lends
)

// A Directory is safe for concurrent use.
type Directory struct {
	Changed func() // what routes has changed; may be nil
	file    atomicfile.JSON[saved]
	log     *slog.Logger

	mu      sync.Mutex
	entries map[string]fleet.Entry // by fleet.DirectoryKey
	bytes   int                    // of these
	away    map[string]away        // collectors that are not there, by name
	mine    []string               // keys that this collector has put, under whatever name
	sites   []site                 // of entries, by name, unless stale
	stale   bool
	refused map[string]bool // keys of which it was said that they cannot be read
	vain    map[string]bool // keys of mine that cannot be removed: another name's, and the hub may keep names apart
}

// saved is the copy on disk.
type saved struct {
	Entries []fleet.Entry `json:"entries"`
	Mine    []string      `json:"mine,omitempty"`

	Away map[string]away `json:"away,omitempty"`
}

// A site is what all its collectors say of it.
type site struct {
	incident.Site
	collectors []string
}

// Open reads the copy in the folder of a store, if there is one.
func Open(st *incident.Store, log *slog.Logger) (*Directory, error) {
	d := &Directory{file: incident.File[saved](st, filepath.Join(st.Dir, "fleet", "directory.json")), log: log, entries: map[string]fleet.Entry{}, away: map[string]away{}, refused: map[string]bool{}, vain: map[string]bool{}}
	was, _, err := d.file.Recover(log)
	if err != nil {
		return nil, fmt.Errorf("open the directory of the fleet: %w", err)
	}
	for _, e := range was.Entries {
		if check(fleet.DirectoryKey(e.Site, e.Collector), e) == nil && len(d.entries) < maxEntries {
			d.entries[fleet.DirectoryKey(e.Site, e.Collector)] = e
			d.bytes += weight(e)
		}
	}
	d.mine = was.Mine
	if was.Away != nil {
		d.away = was.Away
	}
	d.arrange()
	return d, nil
}

// check says why an entry of a key is not taken; nil: it is.
func check(key string, e fleet.Entry) error {
	if err := errors.Join(fleet.CheckName(e.Site), fleet.CheckName(e.Collector)); err != nil {
		return err
	}
	switch {
	case fleet.DirectoryKey(e.Site, e.Collector) != key:
		return fmt.Errorf("it is of collector %q and site %q", e.Collector, e.Site)
	case len(e.Clusters) > maxClaims || len(e.Nodes) > maxClaims:
		return fmt.Errorf("it claims more than %d clusters or nodes", maxClaims)
	case e.Lends != nil && len(e.Lends.Recipient)+len(e.Lends.Signer) > maxKeys:
		return fmt.Errorf("its keys are longer than %d characters", maxKeys)
	}
	return nil
}

// weight is about what an entry takes.
func weight(e fleet.Entry) int {
	n := 200 + len(e.Site) + len(e.Collector)
	if e.Lends != nil {
		n += maxKeys
	}
	for _, s := range slices.Concat(e.Clusters, e.Nodes) {
		n += len(s)
	}
	return n
}

// arrange has sites be brought into line with entries when they are asked for: a thousand entries that come
// at once make one look at all. The lock is held, or nobody else is there.
func (d *Directory) arrange() { d.stale = true }

// arranged are the sites. The lock is held.
func (d *Directory) arranged() []site {
	if !d.stale {
		return d.sites
	}
	d.stale = false
	by := map[string]*site{}
	for _, key := range slices.Sorted(maps.Keys(d.entries)) {
		e := d.entries[key]
		if d.away[e.Collector].counts(time.Now()) && !slices.Contains(d.mine, key) {
			continue
		}
		s := by[e.Site]
		if s == nil {
			s = &site{Site: incident.Site{Name: e.Site}}
			by[e.Site] = s
		}
		s.Clusters, s.Nodes = append(s.Clusters, e.Clusters...), append(s.Nodes, e.Nodes...)
		s.collectors = append(s.collectors, e.Collector)
	}
	d.sites = nil
	for _, name := range slices.Sorted(maps.Keys(by)) {
		d.sites = append(d.sites, *by[name])
	}
	return d.sites
}

// Entries are all that is known, by site and collector.
func (d *Directory) Entries() []fleet.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list()
}

func (d *Directory) list() []fleet.Entry {
	return slices.SortedFunc(maps.Values(d.entries), func(a, b fleet.Entry) int {
		return cmp.Or(strings.Compare(a.Site, b.Site), strings.Compare(a.Collector, b.Collector))
	})
}

// Collectors are those that reach a site, by name.
func (d *Directory) Collectors(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	sites := d.arranged()
	i, found := slices.BinarySearchFunc(sites, name, func(s site, name string) int { return strings.Compare(s.Name, name) })
	if !found {
		return nil
	}
	return slices.Clone(sites[i].collectors)
}

// An Own is what a collector makes of an alert by itself.
type Own struct {
	Collector string
	Sites     []string // all that it reaches
	Of        []string // those of the alert
	Meant     incident.Meant
}

// Of are the entries of all that reach a site, by collector.
func (d *Directory) Of(site string) (list []fleet.Entry) {
	for _, c := range d.Collectors(site) {
		d.mu.Lock()
		e, known := d.entries[fleet.DirectoryKey(site, c)]
		d.mu.Unlock()
		if known {
			list = append(list, e)
		}
	}
	return list
}

// Route names the sites to whose other collectors an alert goes: of its own sites those that
// others reach too, and of the others' those that claim it, or that take the rest where nobody
// claims it. instead: others claim it, and its own sites only take the rest.
func (d *Directory) Route(a evidence.Alert, own Own) (to []string, instead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var others []incident.Site
	for _, s := range d.arranged() {
		alone := !slices.ContainsFunc(s.collectors, func(c string) bool { return c != own.Collector })
		switch {
		case alone:
		case slices.Contains(own.Of, s.Name):
			to = append(to, s.Name)
		case !slices.Contains(own.Sites, s.Name):
			others = append(others, s.Site)
		}
	}
	claiming := incident.Claiming(others, a.Cluster, a.Node)
	switch {
	case len(own.Of) > 0 && own.Meant == incident.ByRule: // somebody has said to whom it goes
		return to, false
	case len(own.Of) > 0 && own.Meant == incident.ByClaim:
		return append(to, claiming...), false
	case len(claiming) > 0:
		return claiming, true
	case len(own.Of) > 0:
		return to, false
	}
	return incident.Route(others, a.Cluster, a.Node), false
}

// take notes what was put at a key; nil: what was there is gone. It reports whether what
// routes has changed.
func (d *Directory) take(key string, e *fleet.Entry) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was, known := d.entries[key]
	switch {
	case e == nil:
		delete(d.entries, key)
		if changed = known; known {
			d.bytes -= weight(was)
		}
	case !known && len(d.entries) >= maxEntries, d.bytes+weight(*e) > maxBytes:
		d.refuse(key, fmt.Errorf("there are more than %d, or they take more than %d bytes", maxEntries, maxBytes))
		return false
	default:
		d.entries[key] = *e
		d.bytes += weight(*e)
		if known {
			d.bytes -= weight(was)
		}
		changed = !known || !reflect.DeepEqual(was, *e)
		delete(d.refused, key)
	}
	if changed {
		d.arrange()
	}
	return changed
}

// refuse says once of a key that what is there is not taken. The lock is held.
func (d *Directory) refuse(key string, err error) {
	if !d.refused[key] && len(d.refused) < maxEntries {
		d.refused[key] = true
		d.log.Warn("an entry in the directory of the fleet is not taken", "key", evidence.Printable(key, 200), "err", err)
	}
}

// keep removes what is not among the keys that the hub has.
func (d *Directory) keep(there map[string]bool) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.entries)
	maps.DeleteFunc(d.entries, func(key string, e fleet.Entry) bool {
		if !there[key] {
			d.bytes -= weight(e)
		}
		return !there[key]
	})
	if changed = len(d.entries) != before; changed {
		d.arrange()
	}
	return changed
}

// save writes the copy.
func (d *Directory) save() {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := atomicfile.MkdirAll(filepath.Dir(d.file.Path))
	if err == nil {
		err = d.file.Save(saved{d.list(), d.mine, d.away})
	}
	if err != nil {
		d.log.Warn("cannot write the copy of the directory of the fleet", "err", err)
	}
}
