package reset

import (
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/wiring"
)

// Configured are the clusters that may reset phones of a site, by the configuration in
// force: those with cucm[].reset.enabled. They have a budget of their own for asking how phones are.
func Configured(cfg func() *config.Config) func(site string) ([]Cluster, error) {
	clusters := &wiring.Clusters{Cfg: cfg, Make: wiring.ResetCluster}
	return func(site string) (list []Cluster, err error) {
		c := cfg()
		s := c.Site(site)
		if s == nil {
			return nil, nil
		}
		for _, u := range c.ClustersOf(s) {
			if !u.Reset.Enabled {
				continue
			}
			cluster, err := clusters.Of(c, u)
			if err != nil {
				return nil, err
			}
			list = append(list, cluster)
		}
		return list, nil
	}
}
