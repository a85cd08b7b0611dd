package config

import (
	"strings"
	"testing"
	"time"
)

const cucmSites = `
mail: {server: h, user: u, password: {file: s}}
ssh: {key: {file: s}}
sites:
  - {name: hq, clusters: [Main, other], hosts: [{name: c1, address: x}]}
  - {name: branch, nodes: [cucm09], cucm: [OTHER], hosts: [{name: c2, address: y}]}
  - {name: rest, hosts: [{name: c3, address: z}]}
cucm:
`

// loadCUCM loads entries of cucm:.
func loadCUCM(t *testing.T, entries string) (*Config, error) {
	t.Helper()
	dir := folder(t)
	put(t, dir, "s", "quartz-lantern")
	return Load(put(t, dir, "grab.yaml", cucmSites+entries))
}

// TestCUCMDefaults: what an entry with the least of keys means, and which sites ask it.
func TestCUCMDefaults(t *testing.T) {
	cfg, err := loadCUCM(t, `
  - {cluster: main, publisher: Cucm01.example.com, user: grab, password: {file: s}}
  - {cluster: Other, publisher: "10.0.20.1:9443", user: grab, password: {file: s}, names: false, traces: false, pin: "SHA256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}
`)
	if err != nil {
		t.Fatal(err)
	}
	u := cfg.CUCM[0]
	if u.Publisher != "cucm01.example.com:8443" || !u.Names || !u.Traces || u.Whole || u.Settle != 30*time.Second || u.Bandwidth != 8<<20 || u.Max != 2<<30 || u.Poll.Enabled || u.Poll.Every != 30*time.Second || u.Reset.Enabled {
		t.Errorf("%+v", u)
	}
	if o := cfg.CUCM[1]; o.Names || o.Traces || len(o.Pinned()) != 1 || o.Publisher != "10.0.20.1:9443" {
		t.Errorf("%+v", o)
	}
	for i, want := range []string{"main Other", "Other", ""} {
		var got []string
		for _, u := range cfg.ClustersOf(&cfg.Sites[i]) {
			got = append(got, u.Cluster)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("site %d asks %q, want %q", i, got, want)
		}
	}
}

// TestExampleOfCUCM: what the example shows in comments holds without the comment signs, and
// shows the defaults.
func TestExampleOfCUCM(t *testing.T) {
	dir := folder(t)
	for _, name := range []string{"cucm.secret", "axl.secret"} {
		put(t, dir, name, "quartz-lantern\n")
	}
	text := strings.ReplaceAll(strings.ReplaceAll(example(t), "/etc/grab/", ""), "cucm-ca.pem", "ca.pem")
	first := strings.Index(text, "\n# cucm:\n")
	block := text[first : first+strings.Index(text[first:], "\n\n\n")]
	text = strings.Replace(text, block, strings.ReplaceAll(block, "\n# ", "\n"), 1)
	cfg, err := Load(put(t, dir, "grab.yaml", strings.Replace(text, "    # cucm: [", "    cucm: [", 1)))
	if err != nil {
		t.Fatalf("%v\n%s", err, block)
	}
	u, want := cfg.CUCM[0], defaultCUCM()
	if u.Names != want.Names || u.Traces != want.Traces || u.Whole != want.Whole || u.Settle != want.Settle || u.Bandwidth != want.Bandwidth || u.Max != want.Max || u.Poll != want.Poll || u.Reset.Enabled {
		t.Errorf("%+v, default %+v", u, want)
	}
	if len(cfg.ClustersOf(&cfg.Sites[0])) != 1 {
		t.Error("the site does not ask the cluster")
	}
}

// TestCUCMFaults: each fault is told where it stands.
func TestCUCMFaults(t *testing.T) {
	const whole = "cluster: A, publisher: h, user: u, password: {file: s}"
	for entry, want := range map[string]string{
		"{publisher: h, user: u, password: {file: s}}":                                  "cucm[0].cluster: required",
		"{cluster: A, user: u, password: {file: s}}":                                    "cucm[0].publisher: required",
		"{cluster: A, publisher: h, password: {file: s}}":                               "cucm[0].user: required",
		"{cluster: A, publisher: h, user: u}":                                           "cucm[0].password: required",
		"{cluster: A, publisher: h, user: u, password: hunter2}":                        "cucm[0].password: the secret itself must not be here",
		"{cluster: A, publisher: h:x, user: u, password: {file: s}}":                    "cucm[0].publisher: ",
		"{" + whole + ", pin: abc}":                                                     "cucm[0].pin: this is not a certificate's fingerprint",
		"{" + whole + ", pin: [abc]}":                                                   "cucm[0].pin[0]: this is not",
		"{" + whole + ", ca_file: s}":                                                   "cucm[0].ca_file: ",
		"{" + whole + ", bandwidth: 1KiB}":                                              "cucm[0].bandwidth: must be 0",
		"{" + whole + ", max: 1KiB}":                                                    "cucm[0].max: must be at least",
		"{" + whole + ", settle: 2h}":                                                   "cucm[0].settle: must be at most",
		"{" + whole + ", poll: {enabled: true, every: 1s}}":                             "cucm[0].poll.every: must be at least 10s",
		"{" + whole + ", reset: {enabled: true}}":                                       "cucm[0].reset.user: required",
		"{" + whole + ", reset: {enabled: true, user: axl}}":                            "cucm[0].reset.password: required",
		"{" + whole + ", nodes: [{name: a, address: x}, {name: A, address: y}]}":        "cucm[0].nodes[1].name: \"A\" is used twice",
		"{" + whole + ", nodes: [{name: ../a, address: x}]}":                            "cucm[0].nodes[0].name: ",
		"{" + whole + "}\n  - {cluster: a, publisher: h, user: u, password: {file: s}}": "cucm[1].cluster: \"a\" is used twice",
	} {
		_, err := loadCUCM(t, "  - "+entry+"\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", entry, err, want)
		}
	}
	_, err := loadCUCM(t, "  - {"+whole+"}\n")
	if err == nil || !strings.Contains(err.Error(), `sites[1].cucm[0]: no entry of cucm: has the cluster "OTHER"`) {
		t.Errorf("a cluster that there is not: %v", err)
	}
}

// What came late may not be sealed at every moment, nor wait for ever.
func TestLateBounds(t *testing.T) {
	for text, want := range map[string]string{
		"late: {quiet: 0s}\n":  "late.quiet: must be from 1s to 2h",
		"late: {quiet: 3h}\n":  "late.quiet: must be from 1s to 2h",
		"late: {apart: 59s}\n": "late.apart: must be from 1m to 24h",
		"late: {apart: 25h}\n": "late.apart: must be from 1m to 24h",
	} {
		if _, err := load(t, text+minimal); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	cfg := mustLoad(t, "late: {quiet: 1s, apart: 1m}\n"+minimal)
	if cfg.Late != (Late{Quiet: time.Second, Apart: time.Minute}) {
		t.Errorf("%+v", cfg.Late)
	}
}
