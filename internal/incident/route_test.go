package incident

import (
	"fmt"
	"strings"
	"testing"

	"rtmtgrab/internal/evidence"
)

func TestRoute(t *testing.T) {
	sites := []Site{
		{Name: "hq", Clusters: []string{"StandAloneCluster"}, Nodes: []string{"cucm01", "cucm02.example.com", "10.0.0.7", "2001:db8::7"}},
		{Name: "lab", Clusters: []string{"standalonecluster"}},
		{Name: "west", Nodes: []string{"CUCM09"}},
		{Name: "rest"}, {Name: "rest2"},
	}
	for _, c := range []struct{ cluster, node, want string }{
		{"StandAloneCluster", "", "hq lab"},
		{" STANDALONECLUSTER ", "x", "hq lab"},
		{"other", "cucm01", "hq"},
		{"", "CUCM01.Example.COM.", "hq"},
		{"", "cucm02", "hq"},
		{"", "cucm02.example.com", "hq"},
		{"", "cucm02.example.org", "rest rest2"},
		{"", "cucm0", "rest rest2"},
		{"", "cucm010", "rest rest2"},
		{"", "10.0.0.7", "hq"},
		{"", "10.0.0.70", "rest rest2"},
		{"", "10", "rest rest2"},
		{"", "2001:DB8:0::7", "hq"},
		{"StandAloneCluster", "cucm09", "hq lab west"},
		{"", "", "rest rest2"},
	} {
		if got := strings.Join(Route(sites, c.cluster, c.node), " "); got != c.want {
			t.Errorf("Route(%q, %q) = %q, want %q", c.cluster, c.node, got, c.want)
		}
	}
	if got := Route(sites[:3], "nobody", "nothing"); len(got) != 0 {
		t.Errorf("an alert that no site claims went to %v", got)
	}
}

func TestRouteAlert(t *testing.T) {
	sites := []Site{{Name: "hq", Clusters: []string{"c1"}}, {Name: "west"}, {Name: "east"}}
	rules := []Rule{
		{To: "rtmt+hq@example.com", Sites: []string{"hq"}},
		{To: "rtmt+*@example.com", Kind: "trunk", Sites: []string{"hq", "east"}},
		{Folder: "Alerts/*", Node: "cucm01", Sites: []string{"west"}},
		{Cluster: "west*", Sites: []string{"west"}},
		{Node: "edge*.example.com", Sites: []string{"east"}},
	}
	for _, c := range []struct {
		a         evidence.Alert
		want, why string
	}{
		{evidence.Alert{Recipients: []string{"a@x", "RTMT+HQ@Example.com"}, Cluster: "west1"}, "hq", "routes[0] (to rtmt+hq@example.com)"},
		{evidence.Alert{Recipients: []string{"rtmt+x@example.com"}, Kind: "trunk"}, "hq east", "routes[1]"},
		{evidence.Alert{Recipients: []string{"rtmt+x@example.com"}, Cluster: "c1"}, "hq", `no route matches; claimed by cluster "c1"`},
		{evidence.Alert{Folder: "alerts/west", Node: "CUCM01.example.com"}, "west", "routes[2]"},
		{evidence.Alert{Folder: "alerts", Node: "cucm01"}, "west east", "no route matches; no site claims"},
		{evidence.Alert{Cluster: "West-2 "}, "west", "routes[3]"},
		{evidence.Alert{Node: "Edge7.Example.com."}, "east", "routes[4]"},
	} {
		got, why := RouteAlert(sites, rules, c.a)
		if strings.Join(got, " ") != c.want || !strings.HasPrefix(why, c.why) {
			t.Errorf("%+v: %v, %s; want %s, %s", c.a, got, why, c.want, c.why)
		}
	}
	if got, why := RouteAlert(sites[:1], nil, evidence.Alert{Cluster: "x"}); got != nil || !strings.HasPrefix(why, "no site claims") {
		t.Error(got, why)
	}
	for _, c := range [][3]string{{"*", "", "y"}, {"a*b*c", "aXbYc", "y"}, {"a*b*c", "acb", ""}, {"ab*ba", "aba", ""}, {"*a*", "bab", "y"}, {"a", "A", "y"}, {"a*", "ba", ""}} {
		if alike(c[0], c[1]) != (c[2] == "y") {
			t.Errorf("%q and %q", c[0], c[1])
		}
	}
}

// What comes into a folder may be any site's, unless a rule takes all of the folder.
func TestThrough(t *testing.T) {
	rules := []Rule{{Folder: "In/*", Cluster: "c", Sites: []string{"x"}}, {To: "a@b", Sites: []string{"y", "x"}}, {Folder: "In/HQ", Sites: []string{"hq"}}, {Kind: "k", Sites: []string{"z"}}}
	for folder, want := range map[string]string{"in/hq": "[hq x y] true", "In/Lab": "[] false", "INBOX": "[] false"} {
		sites, bounded := Through(rules, folder)
		if got := fmt.Sprint(sites, bounded); got != want {
			t.Errorf("%s: %s, want %s", folder, got, want)
		}
	}
}
