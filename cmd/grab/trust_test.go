package main

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// trusting runs `grab trust --json`.
func (c *labConfig) trusting(args ...string) (setup.TrustReport, result) {
	c.T.Helper()
	r := c.grab(append([]string{"trust", "--json"}, args...)...)
	var rep setup.TrustReport
	r.decode(c.T, &rep)
	if (r.code == 0) != rep.OK {
		c.T.Errorf("ok is %v, %s", rep.OK, r)
	}
	return rep, r
}

func printOf(e *lab.Expressway) string { return ssh.FingerprintSHA256(e.HostKey()) }

func TestTrustNeedsAYes(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	os.Remove(filepath.Join(c.Dir, "known_hosts"))
	r := runGrabIn(strings.NewReader("yes\n"), "-c", c.Path, "trust") // no terminal: nobody said yes
	if r.code != 1 || !strings.Contains(r.out, printOf(c.Peers[0])) || !strings.Contains(r.out, "hint: compare") || !strings.Contains(r.out, "--fingerprint "+printOf(c.Peers[0])+" expc01") {
		t.Error(r)
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "known_hosts")); !os.IsNotExist(err) {
		t.Errorf("known_hosts was written: %v", err)
	}
	rep, _ := c.trusting("--fingerprint", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")
	if h := rep.Hosts[0]; h.State != setup.TrustNot || h.Error == "" || c.Read("known_hosts") != "" {
		t.Errorf("%+v", h)
	}
	if r := c.grab("trust", "--fingerprint", "MD5:00"); r.code != 2 {
		t.Error(r)
	}
	if s := c.Peers[0].Stats(); s.Accepted+s.Refused > 0 {
		t.Errorf("trust logged in: %+v", s)
	}
}

func TestTrustByFingerprint(t *testing.T) {
	t.Parallel()
	c := newLab(t, two()...)
	c.Known = []byte("# mine\n")
	c.Write()
	if err := os.Chmod(filepath.Join(c.Dir, "known_hosts"), 0o644); err != nil {
		t.Fatal(err)
	}
	rep, _ := c.trusting("--fingerprint", printOf(c.Peers[0]))
	if rep.Hosts[0].State != setup.TrustAdded || rep.Hosts[1].State != setup.TrustNot || rep.Hosts[0].Keys[0].Type != "ecdsa-sha2-nistp256" {
		t.Fatalf("%+v", rep)
	}
	want := "# mine\n" + string(lab.KnownHosts(c.Peers[0]))
	if got := c.Read("known_hosts"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if info, err := os.Stat(filepath.Join(c.Dir, "known_hosts")); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	// only the one named is asked; both fingerprints at once pin the rest
	if rep, r := c.trusting("expc01"); r.code != 0 || rep.Hosts[0].State != setup.TrustPinned || len(rep.Hosts) != 1 {
		t.Error(r)
	}
	if rep, r := c.trusting("--fingerprint", printOf(c.Peers[0]), "--fingerprint", printOf(c.Peers[1])); r.code != 0 || rep.Hosts[1].State != setup.TrustAdded {
		t.Error(r)
	}
	if rep, _ := c.check(); findingOf(rep, "expe01", "host_key").Status != checkup.StatusOK {
		t.Errorf("%+v", rep)
	}
}

func TestTrustChangedKey(t *testing.T) {
	t.Parallel()
	c := newLab(t, two()...)
	host, port, _ := strings.Cut(c.Peers[0].Addr(), ":")
	name := fmt.Sprintf("[%s]:%s", host, port)
	old := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(c.Peers[0].HostKey())))
	foreign := "\n  # a comment, blanks\t\r\nother.example.com,192.0.2.7 " + old + " kept\n@revoked * " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(newKey(t)))) + "\n"
	c.Known = []byte("shared.example.com," + name + " " + old + " c1\n" + foreign + xknownhosts.HashHostname(name) + " " + old + "\n" + string(lab.KnownHosts(c.Peers[1])) + name + " " + old)
	c.Write()
	before := ssh.FingerprintSHA256(c.Peers[0].HostKey())
	key, err := lab.NewHostKey("ecdsa")
	if err != nil {
		t.Fatal(err)
	}
	c.Peers[0].SetHostKey(key)
	after := printOf(c.Peers[0])

	rep, r := c.trusting()
	if h := rep.Hosts[0]; r.code != 1 || h.State != setup.TrustNot || !strings.Contains(h.Error, before) || !strings.Contains(h.Error, after) || rep.Hosts[1].State != setup.TrustPinned {
		t.Errorf("%+v", rep)
	}
	if got := c.Read("known_hosts"); got != string(c.Known) {
		t.Errorf("changed without a yes:\n%s", got)
	}
	rep, r = c.trusting("--fingerprint", after)
	if h := rep.Hosts[0]; r.code != 0 || h.State != setup.TrustReplaced || !slices.Equal(h.Pinned, []string{after}) || !slices.Contains(h.Before, before) {
		t.Errorf("%+v", rep)
	}
	want := "shared.example.com " + old + " c1\n" + foreign + string(lab.KnownHosts(c.Peers[1])) + string(lab.KnownHosts(c.Peers[0]))
	if got := c.Read("known_hosts"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if rep, _ := c.check(); findingOf(rep, "expc01", "login").Status != checkup.StatusOK {
		t.Errorf("%+v", rep)
	}
}

func newKey(t testing.TB) ssh.PublicKey {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A pattern that still pins another key cannot be fixed by a program.
func TestTrustPatternInTheWay(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	_, port, _ := strings.Cut(c.Peers[0].Addr(), ":")
	c.Known = []byte("[127.0.0.*]:" + port + " " + string(ssh.MarshalAuthorizedKey(newKey(t))))
	c.Write()
	rep, _ := c.trusting("--fingerprint", printOf(c.Peers[0]))
	if h := rep.Hosts[0]; h.State != setup.TrustNot || !strings.Contains(h.Error, "pattern") || c.Read("known_hosts") != string(c.Known) {
		t.Errorf("%+v", h)
	}
	// nor is a revoked key pinned
	c.Known = []byte("@revoked * " + string(ssh.MarshalAuthorizedKey(c.Peers[0].HostKey())))
	c.Write()
	rep, _ = c.trusting("--fingerprint", printOf(c.Peers[0]))
	if h := rep.Hosts[0]; h.State != setup.TrustNot || c.Read("known_hosts") != string(c.Known) {
		t.Errorf("%+v", h)
	}
	c.Known = []byte("damaged line\n")
	c.Write()
	rep, _ = c.trusting("--fingerprint", printOf(c.Peers[0]))
	if h := rep.Hosts[0]; h.State != setup.TrustNot || h.Hint == "" {
		t.Errorf("%+v", h)
	}
}

func TestTrustHostKeyInTheConfiguration(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	c.Hosts = c.Row("expc01", c.Peers[0], ", host_key: \""+printOf(c.Peers[0])+"\"")
	c.Known = []byte{}
	c.Write()
	if rep, r := c.trusting(); r.code != 0 || rep.Hosts[0].State != setup.TrustPinned || rep.Hosts[0].KnownHosts != "" {
		t.Error(r)
	}
	key, err := lab.NewHostKey("ecdsa")
	if err != nil {
		t.Fatal(err)
	}
	old := printOf(c.Peers[0])
	c.Peers[0].SetHostKey(key)
	rep, r := c.trusting("--fingerprint", printOf(c.Peers[0])) // the configuration is a person's
	if h := rep.Hosts[0]; r.code != 1 || !strings.Contains(h.Error, old) || !strings.Contains(h.Hint, "host_key: \""+printOf(c.Peers[0])+"\"") || c.Read("known_hosts") != "" {
		t.Errorf("%+v", h)
	}
}

func TestTrustSharedKeyAndAHostThatIsDown(t *testing.T) {
	t.Parallel()
	key, err := lab.NewHostKey("ecdsa")
	if err != nil {
		t.Fatal(err)
	}
	c := newLab(t, lab.ExpresswayConfig{Role: "C", HostKey: key}, lab.ExpresswayConfig{Role: "E", HostKey: key}, lab.ExpresswayConfig{Name: "expc02"})
	c.Peers[2].SetDown(true)
	c.Known = []byte{}
	c.Write()
	rep, r := c.trusting("--fingerprint", printOf(c.Peers[0]))
	if r.code != 1 || len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "expc01 and expe01 show the same key") {
		t.Errorf("%+v", rep)
	}
	if rep.Hosts[0].State != setup.TrustAdded || rep.Hosts[1].State != setup.TrustAdded || rep.Hosts[2].State != setup.TrustNot || !strings.Contains(rep.Hosts[2].Error, "refused") || rep.Hosts[2].Hint == "" {
		t.Errorf("%+v", rep.Hosts)
	}
	if r := c.grab("trust"); !strings.Contains(r.out, "warning: ") {
		t.Error(r)
	}
}

// A server with several keys: the one that is confirmed is pinned, and a login
// finds it.
func TestRealTrustSeveralKeys(t *testing.T) {
	t.Parallel()
	d := testserver.StartSSHD(t, testserver.SSHDOptions{HostKeys: []string{"rsa", "ecdsa", "ed25519"}})
	c := &labConfig{&testsite.Site{T: t, Dir: t.TempDir(), Login: &lab.Login{PEM: testserver.NewKey(t, "ecdsa").PEM}, Window: "{before: 1s, after: 1s}", Known: []byte{}}}
	c.Hosts = "      - {name: expc01, address: \"" + d.Addr() + "\"}\n"
	c.Write()
	rsa := ssh.FingerprintSHA256(d.HostKeys["rsa"])
	rep, r := c.trusting("--fingerprint", rsa)
	if h := rep.Hosts[0]; r.code != 0 || len(h.Keys) != 3 || h.Keys[0].Type != ssh.KeyAlgoED25519 || !slices.Equal(h.Pinned, []string{rsa}) {
		t.Fatalf("%+v", rep)
	}
	if rep, _ := c.check(); findingOf(rep, "expc01", "login").Status != checkup.StatusFail { // the host key was no obstacle
		t.Errorf("%+v", rep)
	}
	d.ChangeHostKeys()
	d.Restart()
	if rep, r := c.trusting("--fingerprint", ssh.FingerprintSHA256(d.HostKeys["ecdsa"])); r.code != 0 || rep.Hosts[0].State != setup.TrustReplaced || strings.Contains(c.Read("known_hosts"), "rsa") {
		t.Errorf("%s\n%s", r, c.Read("known_hosts"))
	}
}
