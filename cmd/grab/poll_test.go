package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/wiring"
)

// polledSite is a site with a cluster of such nodes whose counters are polled, and a webhook.
func polledSite(t *testing.T, fqdns ...string) (s *testsite.Site, cluster *cucmlab.Cluster, url string) {
	t.Helper()
	cluster, err := cucmlab.New(t.Context(), cucmlab.Config{Nodes: fqdns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Close() })
	s, url = hookSite(t)
	account := cluster.Account(cucmlab.RoleRealtime)
	s.File("cucm.secret", account.Password)
	s.File("cucm.pem", string(cluster.CAPEM()))
	nodes := ""
	for i, n := range cluster.Nodes() {
		nodes += fmt.Sprintf("      - {name: cucm0%d, address: %q, aliases: [%s, 10.0.20.%d]}\n", i+1, n.Addr(), n.FQDN, i+1)
	}
	s.Extra += fmt.Sprintf("cucm:\n  - cluster: StandAloneCluster\n    publisher: %q\n    nodes:\n%s    user: %s\n    password: {file: cucm.secret}\n    ca_file: cucm.pem\n    proxy: none\n    names: false\n    traces: false\n    poll: {enabled: true, every: 10s}\n",
		cluster.Nodes()[0].Addr(), nodes, account.User)
	s.Write()
	return s, cluster, url
}

// partial sets the counter of all nodes.
func partial(c *cucmlab.Cluster, n int64) {
	c.SetFaults(func(f *cucmlab.Faults) { f.Perf.Values = map[string]int64{"PartiallyRegisteredPhone": n} })
}

// polled waits until status says that the base line of all nodes is n.
func polled(t *testing.T, s *testsite.Site, n int64) (r status.Report) {
	t.Helper()
	testsite.Until(t, fmt.Sprintf("status has the base line %d", n), func() bool {
		r = status.Report{}
		got := runGrab("-c", s.Path, "status", "--json")
		if json.Unmarshal([]byte(got.out), &r) != nil || len(r.Polls) == 0 {
			return false
		}
		for _, l := range r.Polls {
			if l.Partial == nil || *l.Partial != n {
				return false
			}
		}
		return true
	})
	return r
}

// Without any mail a rise of the counter opens an incident, also one while grab watch was
// killed; what was there at the first poll does not.
func TestPollOpensIncident(t *testing.T) {
	t.Parallel()
	s, cluster, _ := polledSite(t, "cucm01.example.com", "cucm02.example.com")
	partial(cluster, 3)
	stop := watchSite(s)
	r := polled(t, s, 3)
	if l := r.Polls[0]; l.Over == nil || *l.Over != 3 || l.SetWhy == "" {
		t.Errorf("%+v", l)
	}
	st := &incident.Store{Dir: filepath.Join(s.Dir, "store")}
	if list, err := st.List(); len(list) > 0 || err != nil {
		t.Fatalf("the first poll opened %+v, %v", list, err)
	}
	stop(os.Kill)
	partial(cluster, 4)
	watchSite(s)
	l := firstSealed(t, s)
	m, err := bundle.ReadManifest(l.Bundle)
	if err != nil || len(m.Alerts) != 2 {
		t.Fatalf("%+v, %v", m.Alerts, err)
	}
	for _, a := range m.Alerts {
		var doc struct {
			Node       string
			Value, Was int64
			Time       time.Time
		}
		raw := readEntry(t, l.Bundle, a.File)
		if err := json.Unmarshal(raw, &doc); err != nil || a.Source != evidence.SourcePoll || doc.Node != a.Node || doc.Value != 4 || doc.Was != 3 || *a.Count != 4 || *a.Was != 3 || !doc.Time.Equal(a.Time) {
			t.Errorf("%+v\n%s", a, raw)
		}
	}
	readme := strings.Join(strings.Fields(string(readEntry(t, l.Bundle, "README.txt"))), " ")
	if !strings.Contains(readme, "rise from 3 to 4 on node cucm0") || !strings.Contains(readme, "came by PerfMon polls") {
		t.Errorf("%s", readme)
	}
	if got := runGrab("-c", s.Path, "list", "--alerts"); !strings.Contains(got.out, "PerfMon poll of cucm01") {
		t.Error(got)
	}
}

// Mail, poll and webhook of one event, each with the node as it likes, are one incident.
func TestThreeWays(t *testing.T) {
	t.Parallel()
	s, cluster, url := polledSite(t, "cucm01.example.com")
	s.StartMail()
	watchSite(s)
	polled(t, s, 0)
	at := time.Now()
	s.Mail.Deliver(rtmt.Mail(rtmt.MailOptions{Time: at, Node: "cucm01.example.com", Count: 1, Zone: wiring.ZoneNamed("America/New_York")}), at)
	partial(cluster, 1)
	if code := post(t, url, fmt.Sprintf(`{"host": "10.0.20.1:8443", "value": "1", "clock": %d}`, at.Unix())); code != 202 {
		t.Fatal(code)
	}
	polled(t, s, 1)
	st := &incident.Store{Dir: filepath.Join(s.Dir, "store")}
	var list []incident.ListedAlert
	testsite.Until(t, "all are decided", func() bool {
		list, _ = st.ListAlerts()
		sources := map[string]bool{}
		for _, a := range list {
			if len(a.Sites) == 1 && a.Sites[0].What != incident.Undecided {
				sources[a.Source] = true
			}
		}
		return sources[""] && sources[evidence.SourcePoll] && sources[evidence.SourceWebhook]
	})
	of := map[string]bool{}
	for _, a := range list {
		if a.Sites[0].What == incident.InIncident {
			of[a.Sites[0].Incident] = true
		}
	}
	if len(of) != 1 {
		t.Errorf("%v: %+v", of, list)
	}
}

// A refused login is tried once, whatever is polled and however often, and stays refused
// after a restart; alerts by other ways go on. status says No, for an alert would have no
// names, until the password in the file is another one.
func TestPollRefused(t *testing.T) {
	t.Parallel()
	s, cluster, url := polledSite(t, "cucm01.example.com")
	s.Replace("names: false", "names: true")
	s.Replace("  - name: hq\n", "  - name: hq\n    cucm: [StandAloneCluster]\n")
	account := cluster.Account(cucmlab.RoleRealtime)
	s.File("cucm.secret", "wrong-3f9a77c1d2")
	told := func() (keys map[string]status.Problem, r status.Report) {
		keys = map[string]status.Problem{}
		json.Unmarshal([]byte(runGrab("-c", s.Path, "status", "--json").out), &r)
		for _, p := range r.Problems {
			keys[p.Key] = p
		}
		return keys, r
	}
	for i := range 2 {
		stop := watchSite(s)
		testsite.Until(t, "status says that the login was refused", func() bool {
			keys, r := told()
			login := keys["cucm/standalonecluster/login"]
			return keys["poll/standalonecluster/login"].Hint != "" && login.Blocks && strings.Contains(login.Hint, "grab check") && !login.Since.IsZero() && !r.Works
		})
		if code := post(t, url, fmt.Sprintf(`{"node": "cucm01", "time": %d}`, time.Now().Unix())); code != 202 {
			t.Error(code)
		}
		if i == 1 {
			break
		}
		stop(os.Kill)
		if got := runGrab("-c", s.Path, "status"); got.code != 1 || !strings.Contains(got.out, "StandAloneCluster is asked nothing") {
			t.Error(got)
		}
	}
	if n := cluster.Failed(account.User); n != 1 {
		t.Errorf("%d logins were tried", n)
	}
	s.File("cucm.secret", account.Password)
	testsite.Until(t, "it goes on with the new password", func() bool {
		keys, r := told()
		return keys["cucm/standalonecluster/login"].Key == "" && len(r.Polls) == 1 && r.Polls[0].Partial != nil
	})
}
