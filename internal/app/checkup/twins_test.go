package checkup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// warnings are findings as one text.
func warnings(list []Finding) string {
	var lines []string
	for _, f := range list {
		lines = append(lines, f.Status+" "+f.Host+" "+f.What+": "+f.Detail+" ("+f.Hint+")")
	}
	return strings.Join(lines, "\n")
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"grab.yaml": "store: store\nssh: {user: root, key: {file: id}, known_hosts: known}\n" + text, "known": "", "id": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
		"id.pub": "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg= joe@x\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "grab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Two names of one address are told, one name in two sites is not, and neither is one
// address behind other hops.
func TestOneAddress(t *testing.T) {
	const hop = ", ssh: {jump: [{address: 10.0.0.99, user: j, key: {file: id}}]}"
	cfg := load(t, `sites:
  - {name: hq, clusters: [a], hosts: [{name: a1, role: C, address: 10.0.0.1}, {name: a2, role: E, address: "10.0.0.1:22"}, {name: b, role: E, address: 10.0.0.2}]}
  - {name: lab, clusters: [b], hosts: [{name: b, role: E, address: 10.0.0.2}, {name: far, role: E, address: 10.0.0.2`+hop+`}, {name: port, role: C, address: "10.0.0.1:5022"}]}
`)
	if got := warnings(oneAddress(cfg)); !strings.HasPrefix(got, "warn  hosts: a1 and a2 have the same address, 10.0.0.1:22 (a machine") || strings.Contains(got, "\n") {
		t.Error(got)
	}
}

// What hosts' logs say of themselves: one name, and the role.
func TestTwinsByLogs(t *testing.T) {
	v := func(name, role, log, seen string) visit {
		v := visit{host: &config.Host{Name: name, Role: role, Address: name + ":22"}}
		v.depths.Name, v.depths.Role = log, seen
		return v
	}
	visits := []visit{v("a", "C", "expc01", "C"), v("b", "C", "expc01", "E"), v("c", "E", "", "C"), v("d", "", "x", "E"), v("e", "E", "", "")}
	if got := warnings(oneName(visits)); !strings.HasPrefix(got, "warn  hosts: the logs of a and b call their host by one name, expc01 (") || strings.Contains(got, "\n") {
		t.Error(got)
	}
	visits[1].host.Address = "a:22" // told by its address
	if got := warnings(oneName(visits)); got != "" {
		t.Error(got)
	}
	got := warnings(swapped(visits))
	if !strings.HasPrefix(got, "warn b role: role is C, but by its log others connect to its traversal zone") || !strings.Contains(got, "\nwarn c role: role is E, but by its log it connects") || strings.Count(got, "\n") != 1 {
		t.Error(got)
	}
}

// A public key in place of the private one is named, with where the private one is.
func TestPublicKey(t *testing.T) {
	cfg := load(t, "sites: [{name: hq, hosts: [{name: a, address: a, ssh: {key: {file: id.pub}}}, {name: b, address: b, ssh: {key: {file: id.pub}}}, {name: c, address: c}, {name: d, address: d, ssh: {key: {agent: id.pub}}}]}]\n")
	hosts, err := cfg.HostsOf()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(cfg.Path)
	if got := warnings(publicKeys(hosts)); !strings.HasPrefix(got, "warn  key: file "+filepath.Join(dir, "id.pub")+" holds a public key, and key: needs the private one (a, b) (name the private key: "+filepath.Join(dir, "id")+";") {
		t.Error(got)
	}
}

// Zones without summer time that are no place's are told, with what mails bear.
func TestFixedZones(t *testing.T) {
	st, err := incident.OpenStore(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	put := func(date string) []incident.ListedAlert {
		id := fmt.Sprintf("%064x", 1)
		b := incident.Batch{St: st}
		rec := incident.AlertRecord{Alert: evidence.Alert{ID: id, Time: time.Now()}, Seen: time.Now(), Sites: []incident.Decision{{Site: "hq"}}}
		if err := b.WriteAlert(rec, []byte("Date: "+date+"\r\n\r\nx")); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		list, err := st.ListAlerts()
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	const summer = "and a mail of 2026-07-01 bears -0400"
	for _, tt := range []struct{ zone, date, want, not string }{
		{"EST", "", "warn  time_zone: site hq: time_zone EST is UTC-5 all year: it has no summer time (write the zone of a city there, such as America/New_York:", "mail of"},
		{"EST", "Wed, 1 Jul 2026 10:00:00 -0400", summer, "xx"},
		{"EST", "Wed, 1 Jul 2026 14:00:00 +0000", "time_zone EST", "mail of"}, // of a relay
		{"EST", "Wed, 1 Jul 2026 14:00:00 -0500", "time_zone EST", "mail of"},
		{"Etc/GMT+5", "Wed, 1 Jul 2026 10:00:00 -0400", summer, "xx"},
		{"Etc/GMT-1", "", "is UTC+1 all year", "xx"},
		{"HST", "", "Pacific/Honolulu", "xx"}, {"MST", "", "America/Denver", "xx"},
		{"America/New_York", "", "", "warn"}, {"America/Phoenix", "", "", "warn"}, {"UTC", "", "", "warn"}, {"Etc/GMT+0", "", "", "warn"}, {"EST5EDT", "", "", "warn"},
	} {
		cfg := load(t, fmt.Sprintf("sites: [{name: hq, time_zone: %s, hosts: [{name: a, address: a}]}]\n", tt.zone))
		var list []incident.ListedAlert
		if tt.date != "" {
			list = put(tt.date)
		}
		if got := warnings(fixedZones(cfg, st, list)); !strings.Contains(got, tt.want) || strings.Contains(got, tt.not) {
			t.Errorf("%s %s: %s", tt.zone, tt.date, got)
		}
	}
}

// Sites that no mail matched are told where there is some history, with the name that was
// probably meant.
func TestUnmatched(t *testing.T) {
	cfg := load(t, "sites: [{name: hq, clusters: [hq-prod], hosts: [{name: a, address: a}]}, {name: lab, clusters: [lab], hosts: [{name: b, address: b}]}]\n")
	now := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	alert := func(what incident.What, cluster string, age time.Duration, sites ...string) incident.ListedAlert {
		l := incident.ListedAlert{What: what, Cluster: cluster, Seen: now.Add(-age)}
		for _, s := range sites {
			l.Sites = append(l.Sites, incident.ListedSite{Site: s})
		}
		return l
	}
	for _, tt := range []struct {
		list []incident.ListedAlert
		want string
	}{
		{nil, ""},
		{[]incident.ListedAlert{alert("", "lab", time.Hour, "lab")}, ""},
		{[]incident.ListedAlert{alert("", "lab", 25*time.Hour, "lab")}, "no mail ever matched hq: of 1 mail since 2026-03-01 none was theirs ("},
		{[]incident.ListedAlert{alert("", "lab", 25*time.Hour, "lab"), alert("", "hq-prod", time.Hour, "hq")}, ""},
		{[]incident.ListedAlert{alert(incident.Quarantined, "x", 25*time.Hour)}, ""},
		{[]incident.ListedAlert{alert(incident.Unrouted, "HQ_PROD", time.Hour), alert("", "lab", time.Hour, "LAB")},
			"no mail ever matched hq: of 2 mails since 2026-03-02 none was theirs; 1 mail of cluster HQ_PROD went nowhere, did you mean hq-prod? ("},
	} {
		if got := warnings(unmatched(cfg, tt.list, now)); !strings.HasPrefix(strings.TrimPrefix(got, "warn  sites: "), tt.want) || tt.want == "" && got != "" {
			t.Errorf("%+v: %s", tt.list, got)
		}
	}
}
