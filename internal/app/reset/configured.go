package reset

import (
	"sync"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/wiring"
)

// Configured are the clusters that may reset phones of a site, by the configuration in
// force: those with cucm[].reset.enabled. They have a budget of their own for asking how phones are.
func Configured(cfg func() *config.Config) func(site string) ([]Cluster, error) {
	var mu sync.Mutex
	var of *config.Config
	made := map[string]Cluster{}
	return func(site string) (list []Cluster, err error) {
		mu.Lock()
		defer mu.Unlock()
		c := cfg()
		if c != of {
			of, made = c, map[string]Cluster{}
		}
		s := c.Site(site)
		if s == nil {
			return nil, nil
		}
		for _, u := range c.ClustersOf(s) {
			if !u.Reset.Enabled {
				continue
			}
			if made[u.Cluster] == nil {
				cluster, err := wiring.ResetCluster(c, u)
				if err != nil {
					return nil, err
				}
				made[u.Cluster] = cluster
			}
			list = append(list, made[u.Cluster])
		}
		return list, nil
	}
}
