package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// behind is a laboratory behind a real sshd as jump host, which knows a key of
// its own, and nothing pinned yet.
func behind(t *testing.T) (*labConfig, *testserver.SSHD) {
	t.Helper()
	key := testserver.NewKey(t, "ecdsa")
	hop := testserver.StartSSHD(t, testserver.SSHDOptions{HostKeys: []string{"ecdsa"}, AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "restrict,port-forwarding")}})
	c := newLab(t, two()...)
	c.File("bastion", string(key.PEM))
	jump := fmt.Sprintf(", ssh: {jump: [{address: %q, user: %q, key: {file: bastion}}]}", hop.Addr(), hop.User)
	c.Hosts = c.Row("expc01", c.Peers[0], jump) + c.Row("expe01", c.Peers[1], jump)
	c.Known = []byte{}
	c.Write()
	return c, hop
}

func TestJumpTrustCheckNow(t *testing.T) {
	t.Parallel()
	c, hop := behind(t)
	print := ssh.FingerprintSHA256(hop.HostKeys["ecdsa"])
	rep, r := c.trusting("--fingerprint", printOf(c.Peers[0])) // the hop is not pinned: nothing behind it is seen
	if r.code != 1 || len(rep.Hosts) != 3 || rep.Hosts[0].Hop != 1 || rep.Hosts[0].Keys[0].Fingerprint != print || rep.Hosts[1].State != setup.TrustNot || !strings.Contains(rep.Hosts[1].Error, "hop 1") || c.Read("known_hosts") != "" {
		t.Fatalf("%+v", rep)
	}
	rep, r = c.trusting("--fingerprint", print, "--fingerprint", printOf(c.Peers[0]), "--fingerprint", printOf(c.Peers[1]))
	if r.code != 0 {
		t.Fatal(r)
	}
	for i, h := range rep.Hosts {
		if h.State != setup.TrustAdded || h.Address != []string{hop.Addr(), c.Peers[0].Addr(), c.Peers[1].Addr()}[i] {
			t.Errorf("%+v", h)
		}
	}
	if r := c.grab("trust", "expe01"); r.code != 0 || !strings.Contains(r.out, "expe01, hop 1: already pinned") {
		t.Error(r)
	}
	if s := c.Peers[0].Stats(); s.Accepted+s.Refused > 0 {
		t.Errorf("trust logged in: %+v", s)
	}

	checked, r := c.check()
	if r.code != 0 {
		t.Fatal(r)
	}
	wantFinding(t, checked, "expc01", "connect", checkup.StatusOK, "through "+hop.Addr()+", "+c.Peers[0].Addr(), "")

	r = c.grab("now", "--json", "--patience", "30s", "--out", c.Dir)
	var out struct {
		evidence.Manifest
		Bundle string `json:"bundle"`
	}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil || r.code != 0 {
		t.Fatal(r)
	}
	for _, h := range out.Hosts {
		if !slices.Equal(h.Via, []string{hop.Addr()}) || len(h.Legacy) > 0 || h.HostKey == "" {
			t.Errorf("%+v", h)
		}
	}
	if r := c.grab("show", out.Bundle); !strings.Contains(r.out, "expc01: reached through "+hop.Addr()+"\n") {
		t.Error(r)
	}
}

// What a hop refuses is said of the hop, once, and lifted by a check of a host
// behind it.
func TestJumpRefused(t *testing.T) {
	t.Parallel()
	c, hop := behind(t)
	c.trusting("--fingerprint", ssh.FingerprintSHA256(hop.HostKeys["ecdsa"]), "--fingerprint", printOf(c.Peers[0]), "--fingerprint", printOf(c.Peers[1]))
	good := testserver.NewKey(t, "ecdsa")
	c.File("bastion", string(good.PEM)) // sshd does not know it
	rep, _ := c.check()
	hop.WaitLog("Failed publickey", 1)
	f := findingOf(rep, "expc01", "login")
	g := findingOf(rep, "expe01", "login")
	if f.Status != checkup.StatusFail || g.Status != checkup.StatusFail || !strings.Contains(f.Detail, "hop 1 ("+hop.Addr()+"): login ") || !strings.Contains(f.Hint, "ssh.jump") {
		t.Errorf("%+v\n%+v", f, g)
	}
	c.check("expc01", "expe01") // together they make one try
	hop.WaitLog("Failed publickey", 2)
	hop.SetAuthorizedKeys(testserver.AuthorizedKey(good.Public, "restrict"))
	rep, _ = c.check("expc01")
	wantFinding(t, rep, "expc01", "connect", checkup.StatusFail, "does not forward", "AllowTcpForwarding")
	hop.SetAuthorizedKeys(testserver.AuthorizedKey(good.Public, ""))
	if rep, r := c.check(); r.code != 0 {
		t.Errorf("%+v", rep)
	}
	if n := strings.Count(hop.Log(), "Failed publickey"); n != 2 {
		t.Errorf("%d logins were refused", n)
	}
}

func TestLegacyIsShown(t *testing.T) {
	t.Parallel()
	key := testserver.NewKey(t, "rsa")
	d := testserver.StartSSHD(t, testserver.SSHDOptions{HostKeys: []string{"rsa"}, AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")},
		Extra: []string{"KexAlgorithms diffie-hellman-group14-sha1", "HostKeyAlgorithms ssh-rsa"}})
	logs := t.TempDir()
	c := &labConfig{&testsite.Site{T: t, Dir: t.TempDir(), Login: &lab.Login{PEM: key.PEM}, Window: "{before: 1s, after: 1s}", Known: []byte{}}}
	row := func(compat string) {
		c.Hosts = fmt.Sprintf("      - {name: expc01, address: %q, logs: {dir: %q}, ssh: {user: %q, compat: %s, bandwidth: 8MiB}}\n", d.Addr(), filepath.ToSlash(logs), d.User, compat)
		c.Write()
	}
	row("none")
	if rep, r := c.trusting(); r.code != 1 || !strings.Contains(rep.Hosts[0].Hint, "compat: legacy") {
		t.Error(r)
	}
	row("legacy")
	c.Known = nil
	if rep, r := c.trusting("--fingerprint", ssh.FingerprintSHA256(d.HostKeys["rsa"])); r.code != 0 || rep.Hosts[0].State != setup.TrustAdded {
		t.Fatal(r)
	}
	rep, _ := c.check()
	wantFinding(t, rep, "expc01", "algorithms", checkup.StatusWarn, "diffie-hellman-group14-sha1 (key exchange), ssh-rsa (host key)", "ssh.compat")

	r := c.grab("now", "--json", "--patience", "5s", "--out", c.Dir, "--at", time.Now().UTC().Format(time.RFC3339))
	var m evidence.Manifest
	r.decode(t, &m)
	if h := m.Hosts[0]; !slices.Equal(h.Legacy, []string{"diffie-hellman-group14-sha1 (key exchange)", "ssh-rsa (host key)"}) {
		t.Errorf("%+v", h)
	}
}
