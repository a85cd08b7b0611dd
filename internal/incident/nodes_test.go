package incident

import (
	"testing"

	"rtmtgrab/internal/evidence"
)

// A node is known by one name, however it is spelled; what may be two nodes is not made one.
func TestNodesKnown(t *testing.T) {
	var table Nodes
	table = table.Add(Node{Cluster: "HQ", Name: "cucm01", Aliases: []string{"cucm01.hq.example.com", "10.0.20.1"}})
	table = table.Add(Node{Cluster: "HQ", Name: "cucm02", Aliases: []string{"", "10.0.20.2"}})
	table = table.Add(Node{Cluster: "West", Name: "cucm01", Aliases: []string{"10.0.21.1"}}) // the same name in another cluster
	for _, n := range []string{"cucm01", "cucm02.hq.example.com", "lonely", "10.9.9.9", ""} {
		table = table.AddNamed(n)
	}
	for _, c := range []struct{ cluster, spelled, want string }{
		{"HQ", "cucm01", "cucm01"}, {"hq ", "CUCM01.", "cucm01"}, {"HQ", "10.0.20.1", "cucm01"}, {"HQ", "::ffff:10.0.20.1", "cucm01"}, {"HQ", "cucm01.hq.example.com:8443", "cucm01"},
		{"HQ", "cucm01.elsewhere.example", "cucm01"}, // as routes have it: a short name is the same as an FQDN that begins with it
		{"West", "cucm01", "cucm01@west"}, {"West", "10.0.21.1", "cucm01@west"}, {"West", "10.0.20.1", "10.0.20.1"},
		{"", "10.0.20.1", "cucm01"}, {"", "cucm01", "cucm01"}, {"of nobody", "10.0.20.2", "cucm02"}, {"", "cucm02.hq.example.com", "cucm02"},
		{"HQ", "lonely.example.com", "lonely"}, {"HQ", "10.9.9.9", "10.9.9.9"}, {"HQ", "unknown", "unknown"}, {"HQ", "[2001:DB8::1]:8443", "2001:db8::1"}, {"HQ", " ", ""}, {"", "", ""},
	} {
		if got := table.Known(c.cluster, c.spelled); got != c.want {
			t.Errorf("Known(%q, %q) is %q, want %q", c.cluster, c.spelled, got, c.want)
		}
	}
	if got := (Nodes)(nil).Known("HQ", "CUCM01.example.com."); got != "cucm01.example.com" {
		t.Errorf("without a table: %q", got)
	}
}

// What a poll finds goes to the sites that name the cluster in cucm:, whatever they claim;
// routes come before that, and a mail is routed as ever.
func TestRoutePolled(t *testing.T) {
	sites := []Site{{Name: "hq", Clusters: []string{"other"}, CUCM: []string{"Main"}}, {Name: "west", Clusters: []string{"Main"}}, {Name: "rest"}}
	for _, c := range []struct {
		source, want string
		rules        []Rule
	}{
		{evidence.SourcePoll, "hq", nil}, {"", "west", nil}, {evidence.SourceWebhook, "west", nil},
		{evidence.SourcePoll, "rest", []Rule{{To: "a@example.com", Sites: []string{"west"}}, {Cluster: "main", Sites: []string{"rest"}}}},
	} {
		names, why := RouteAlert(sites, c.rules, evidence.Alert{Source: c.source, Cluster: "main", Node: "cucm01"})
		if len(names) != 1 || names[0] != c.want || why == "" {
			t.Errorf("%q: %v (%s), want %s", c.source, names, why, c.want)
		}
	}
}
