package wiring

import (
	"slices"
	"testing"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
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

// Where routes send all that comes elsewhere, or another cluster alone is polled, a site hears nothing.
func TestUnheard(t *testing.T) {
	mail := []config.Mail{{Name: "m", Mailboxes: []string{"INBOX", "Lab"}}}
	all := []config.Route{{Sites: []string{"hq"}}}
	polls := []config.CUCM{{Cluster: "East", Poll: config.CUCMPoll{Enabled: true}}}
	for name, tt := range map[string]struct {
		cfg  config.Config
		want []string
	}{
		"for grabs by hand":              {config.Config{}, nil},
		"mails":                          {config.Config{Mails: mail}, nil},
		"a route for all":                {config.Config{Mails: mail, Routes: all}, []string{"lab"}},
		"a route for one folder":         {config.Config{Mails: mail, Routes: []config.Route{{Folder: "INBOX", Sites: []string{"hq"}}}}, nil},
		"a route for each folder":        {config.Config{Mails: mail, Routes: []config.Route{{Folder: "INBOX", Sites: []string{"hq"}}, {Folder: "Lab", Sites: []string{"lab"}}}}, nil},
		"a route for all, and a webhook": {config.Config{Routes: all, Alerts: config.Alerts{Webhook: &config.Intake{}}}, []string{"lab"}},
		"routes for all folders":         {config.Config{Mails: mail, Routes: []config.Route{{Folder: "INBOX", Sites: []string{"hq"}}, {Folder: "Lab", Sites: []string{"hq"}}}}, []string{"lab"}},
		"those, and a webhook":           {config.Config{Mails: mail, Routes: []config.Route{{Folder: "INBOX", Sites: []string{"hq"}}, {Folder: "Lab", Sites: []string{"hq"}}}, Alerts: config.Alerts{Webhook: &config.Intake{}}}, nil},
		"polls of one cluster":           {config.Config{CUCM: polls}, []string{"lab"}},
		"a fleet":                        {config.Config{CUCM: polls, Fleet: &fleetconf.Fleet{}}, nil},
	} {
		tt.cfg.Sites = []config.Site{{Name: "hq", Clusters: []string{"East"}}, {Name: "lab", Clusters: []string{"West"}}}
		if got := Unheard(&tt.cfg); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
