package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/lab"
)

func loadConfig(t testing.TB, path string) *config.Config {
	t.Helper()
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// initArgs are the flags for a lab of one Expressway and a mailbox.
func (c *labConfig) initArgs(path string, more ...string) []string {
	return append([]string{"-c", path, "init", "--store", filepath.Join(c.Dir, "store"), "--mail-server", c.Mail.Addr(), "--mail-user", c.Mail.User,
		"--mail-password-file", filepath.Join(c.Dir, "imap.secret"), "--ca-file", filepath.Join(c.Dir, "ca.pem"), "--site", "berlin", "--time-zone", "Europe/Berlin",
		"--cluster", "A", "--cluster", "B", "--node", "cucm01", "--host", "expc01,C," + c.Peers[0].Addr(), "--key-file", filepath.Join(c.Dir, "id"),
		"--logs-dir", c.Peers[0].LogDir()}, more...)
}

func TestInitRoundTrip(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{}).withMail()
	path := filepath.Join(c.Dir, "deep", "grab.yaml")
	r := runGrab(c.initArgs(path, "--json", "--fingerprint", printOf(c.Peers[0]))...)
	var rep initReport
	r.decode(t, &rep)
	if r.code != 0 || !rep.OK || rep.Config != path || rep.Hosts[0].State != setup.TrustAdded || len(rep.Checks) < 10 {
		t.Fatal(r)
	}
	wantFinding(t, checkup.Report{Checks: rep.Checks}, "expc01", "login", checkup.StatusOK, "", "")
	cfg := loadConfig(t, path)
	if s := cfg.Sites[0]; s.Name != "berlin" || !slices.Equal(s.Clusters, []string{"A", "B"}) || !slices.Equal(s.Nodes, []string{"cucm01"}) || s.Zone().String() != "Europe/Berlin" {
		t.Errorf("%+v", s)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if r := runGrab("-c", path, "check"); r.code != 0 {
		t.Error(r)
	}
	// never again
	before, _ := os.ReadFile(path)
	if r := runGrab(c.initArgs(path)...); r.code != 2 || !strings.Contains(r.err, "already exists") || !strings.Contains(r.err, "grab: hint: ") {
		t.Error(r)
	}
	if after, _ := os.ReadFile(path); string(before) != string(after) {
		t.Error("it was overwritten")
	}
}

func TestInitWithoutPins(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{}).withMail()
	path := filepath.Join(c.Dir, "a.yaml")
	known := filepath.Join(c.Dir, "kh")
	// nobody to ask and no fingerprint: the file stays, the exit code says that work is left
	if r := runGrab(c.initArgs(path, "--known-hosts", known)...); r.code != 1 || !strings.Contains(r.out, "not pinned") || !strings.Contains(r.err, "grab trust") {
		t.Error(r)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if r := runGrab("-c", path, "trust", "--fingerprint", printOf(c.Peers[0])); r.code != 0 {
		t.Error(r)
	}
	if r := runGrab("-c", path, "check"); r.code != 0 {
		t.Error(r)
	}
	// the file alone
	seen := c.Peers[0].Stats().Connections
	path = filepath.Join(c.Dir, "b.yaml")
	r := runGrab(c.initArgs(path, "--no-check", "--json")...)
	var rep initReport
	r.decode(t, &rep)
	if r.code != 0 || !rep.OK || rep.Checks == nil || rep.Hosts == nil || c.Peers[0].Stats().Connections != seen {
		t.Error(r)
	}
	// pins, but no check
	path = filepath.Join(c.Dir, "d.yaml")
	r = runGrab(c.initArgs(path, "--no-check", "--json", "--known-hosts", known+"2", "--fingerprint", printOf(c.Peers[0]))...)
	r.decode(t, &rep)
	if r.code != 0 || rep.Hosts[0].State != setup.TrustAdded || len(rep.Checks) != 0 || c.Peers[0].Stats().Accepted != 1 {
		t.Errorf("%s %+v", r, c.Peers[0].Stats())
	}
}

func TestInitBadAnswers(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{}).withMail()
	path := filepath.Join(c.Dir, "x.yaml")
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"--host", "--key-file", "--password-file", "--mail-server"}},
		{[]string{"--mail-server", "imap.example.com", "--key-file", "k"}, []string{"--host", "--mail-user", "--mail-password-file"}},
		{[]string{"--host", "expc01,C"}, []string{"--key-file"}},
		{[]string{"--host", "expc01,C", "--key-file", filepath.Join(c.Dir, "id")}, []string{"name,role,address"}},
		{[]string{"--host", "../x,X,10.0.0.1", "--host", "b,C,10.0.0.2:port", "--key-file", filepath.Join(c.Dir, "none")}, []string{"sites[0].hosts[0].name", "sites[0].hosts[0].role", "sites[0].hosts[1].address", "none does not exist"}},
		{[]string{"--host", "a,C,10.0.0.1", "--key-file", "k", "--password-file", "p"}, []string{"not both"}},
		{[]string{"--host", "a,C,10.0.0.1", "--key-file", filepath.Join(c.Dir, "id"), "--site", "a\nb"}, []string{"control characters"}},
		{[]string{"--fingerprint", "x"}, []string{"fingerprint"}},
	} {
		r := runGrab(append([]string{"-c", path, "init"}, tt.args...)...)
		for _, w := range tt.want {
			if r.code != 2 || !strings.Contains(r.err, w) {
				t.Errorf("%v: no %q: %s", tt.args, w, r)
			}
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Fatalf("%v: something was written: %v", tt.args, err)
		}
	}
}
