package wiring

import (
	"slices"
	"testing"

	"rtmtgrab/internal/config"
)

// An alert of a poll goes to whoever claims the cluster or the node, else to a site that claims nothing.
func TestSitesPolled(t *testing.T) {
	cfg := &config.Config{CUCM: []config.CUCM{{Cluster: "East"}, {Cluster: "West"}},
		Sites: []config.Site{{Name: "hq", Clusters: []string{"east"}}, {Name: "lab", Nodes: []string{"cucm07"}}, {Name: "rest"}}}
	sites := SitesPolled(cfg)
	for _, tt := range [][3]string{{"East", "", "hq"}, {"East", "cucm01", "hq"}, {"West", "cucm07", "lab"}, {"West", "cucm01", "rest"}} {
		if got := sites(tt[0], tt[1]); !slices.Equal(got, tt[2:]) {
			t.Errorf("%v: %v", tt, got)
		}
	}
}
