package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/lab"
)

// sealedNow is the path of a new bundle of the store.
func (c *labConfig) sealedNow() string {
	c.T.Helper()
	var made struct{ Bundle string }
	r := c.grab("now", "--direct", "--json")
	if r.decode(c.T, &made); made.Bundle == "" {
		c.T.Fatal(r)
	}
	return made.Bundle
}

// acts are what was done with a bundle since it was sealed.
func acts(t testing.TB, path string) (list []string) {
	t.Helper()
	name, head, err := bundle.ChainOf(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ledger, _ := custody.LedgerFor(path)
	if _, err := ledger.Walk(name, head, func(e custody.Entry) error {
		list = append(list, e.Act)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestKeys: a bundle is signed with the store's key, stock minisign agrees, a retired key
// stays verifiable, and one that is damaged costs the signature alone, which is said.
func TestKeys(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	if r := c.grab("key", "show"); r.code != 1 || !strings.Contains(r.err, "no key was made yet") {
		t.Error(r)
	}
	first := c.sealedNow()
	old := c.grab("key", "show")
	pub := c.File("grab.pub", old.out)
	if r := c.grab("verify", first); r.code != 0 || !strings.Contains(r.out, "signature not checked") {
		t.Error(r)
	}
	if r := c.grab("verify", "--key", pub, first); r.code != 0 || !strings.Contains(r.out, "signature: ok") {
		t.Error(r)
	}
	dir := t.TempDir()
	folder := filepath.Join(dir, strings.TrimSuffix(filepath.Base(first), ".zip"))
	if r := c.grab("open", first, "--out", dir, "--key", pub); r.code != 0 || !strings.Contains(r.out, "unpacked: "+folder) {
		t.Fatal(r)
	}
	for _, args := range [][]string{{"minisign", "-V", "-p", pub, "-m", "manifest-sha256.txt"}, {"sha256sum", "-c", "manifest-sha256.txt"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v (make deps installs it)\n%s", args, err, out)
		}
	}
	if got := strings.Join(acts(t, first), " "); got != "verified verified opened" {
		t.Error(got)
	}

	if r := c.grab("key", "rotate"); r.code != 0 || r.out == old.out {
		t.Fatal(r)
	}
	second := c.sealedNow()
	if r := c.grab("verify", "--json", "--key", pub, second); r.code != 1 || !strings.Contains(r.out, `"signature": "unknown_key"`) {
		t.Error(r)
	}
	trusted := c.File("trusted.pub", c.grab("key", "show", "--all").out)
	for _, b := range []string{first, second} {
		if r := c.grab("verify", "--trust", trusted, b); r.code != 0 || !strings.Contains(r.out, "signature: ok") {
			t.Error(r)
		}
	}

	c.File("store/seal.key", "damaged\n")
	third := c.sealedNow()
	m, err := bundle.ReadManifest(third)
	if err != nil || !strings.Contains(strings.Join(m.Notes, "\n"), "this bundle is not signed: the collector's signing key cannot be used") {
		t.Errorf("%v, %v", m.Notes, err)
	}
	if r := c.grab("verify", third); r.code != 0 || !strings.Contains(r.out, "no signature") {
		t.Error(r)
	}
	if r := c.grab("verify", "--trust", trusted, third); r.code != 1 || !strings.Contains(r.err, "no signature") {
		t.Error(r)
	}
	if r := c.grab("key", "show"); r.code != 0 || !strings.Contains(r.err, "grab key rotate") || r.out == "" {
		t.Error(r)
	}
	for _, bad := range [][]string{{"--key", "nonsense"}, {"--trust", c.Path}, {"--key", "RWQ"}} {
		if r := c.grab(append([]string{"verify", first}, bad...)...); r.code != 2 || !strings.Contains(r.err, bad[0]) {
			t.Error(r)
		}
	}
}

// TestEnvelope: what is encrypted by hand is opened with its key, by grab and by stock age,
// verified and unpacked; with another key nothing is left on the disk.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	path := c.sealedNow()
	ours, _ := age.GenerateX25519Identity()
	theirs, _ := age.GenerateX25519Identity()
	strong, _ := age.GenerateHybridIdentity()
	key, wrong := c.File("key.txt", ours.String()+"\n"), c.File("wrong.txt", theirs.String()+"\n")
	out := t.TempDir()
	if r := c.grab("export", "--encrypt-to", ours.Recipient().String(), "--out", out, path); r.code != 0 {
		t.Fatal(r)
	}
	sealed := filepath.Join(out, filepath.Base(path)+".age")
	plain, err := exec.Command("age", "-d", "-i", key, sealed).Output()
	if b, rerr := os.ReadFile(path); errors.Join(err, rerr) != nil || string(b) != string(plain) {
		t.Errorf("age -d: %d bytes of %d, %v", len(plain), len(b), errors.Join(err, rerr))
	}

	to := t.TempDir()
	for says, args := range map[string][]string{"a key is missing": nil, "none of these keys": {"-i", wrong}, "no key of age-keygen": {"-i", path}} {
		if r := c.grab(append([]string{"open", sealed, "--out", to}, args...)...); r.code == 0 || !strings.Contains(r.err, says) {
			t.Error(r)
		}
	}
	pub := c.File("grab.pub", c.grab("key", "show").out)
	if r := runGrab("open", sealed, "--out", to, "-i", key, "--key", "RWQBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"); r.code != 1 || !strings.Contains(r.err, "none of those given") {
		t.Error(r)
	}
	if left, _ := os.ReadDir(to); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	if r := runGrab("open", "--json", sealed, "--out", to, "-i", key, "--key", pub); r.code != 0 || !strings.Contains(r.out, `"signature": "ok"`) {
		t.Error(r)
	}
	if left, _ := os.ReadDir(to); len(left) != 1 {
		t.Errorf("there is %v", left)
	}
	if r := runGrab("open", sealed, "--out", to, "-i", key); r.code != 1 || !strings.Contains(r.err, "--out") {
		t.Error(r)
	}
	if r := c.grab("verify", sealed); r.code != 1 || !strings.Contains(r.err, "grab open") {
		t.Error(r)
	}
	if r := c.grab("export", "--encrypt-to", ours.Recipient().String(), "--encrypt-to", strong.Recipient().String(), path); r.code != 2 || !strings.Contains(r.err, "do not mix") {
		t.Error(r)
	}
	if got := strings.Join(acts(t, path), " "); got != "encrypted" {
		t.Error(got)
	}
}

// TestCustodyTampered: a later act that was changed is found by verify.
func TestCustodyTampered(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	path := c.sealedNow()
	for range 2 {
		if r := c.grab("verify", path); r.code != 0 || strings.Contains(r.err, "not recorded") {
			t.Fatal(r)
		}
	}
	file := filepath.Join(c.Dir, "store", "custody", strings.TrimSuffix(filepath.Base(path), ".zip")+".jsonl")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(b), `"ok"`, `"OK"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := c.grab("verify", path); r.code != 1 || !strings.Contains(r.out, "line 2 does not carry the hash") || !strings.Contains(r.err, "the bundle is intact, but") {
		t.Error(r)
	}
}

// TestCustodyBeside: what is done with a bundle that was put outside of the store goes on beside
// it, and is walked there.
func TestCustodyBeside(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	out := t.TempDir()
	if r := c.grab("now", "--out", out); r.code != 0 && r.code != 3 {
		t.Fatal(r)
	}
	zips, _ := filepath.Glob(filepath.Join(out, "*.zip"))
	if len(zips) != 1 {
		t.Fatal(zips)
	}
	for _, args := range [][]string{{"verify", zips[0]}, {"export", "--format", "tar.gz", "--out", t.TempDir(), zips[0]}, {"mask", "--out", t.TempDir(), zips[0]}, {"open", "--out", t.TempDir(), zips[0]}} {
		if r := c.grab(args...); r.code != 0 || strings.Contains(r.err, "not recorded") {
			t.Fatal(r)
		}
	}
	b, err := os.ReadFile(zips[0] + ".custody.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range []string{"verified", "exported", "masked", "opened"} {
		if strings.Count(string(b), `"act":"`+act+`"`) != 1 {
			t.Errorf("%s is not in it once: %s", act, b)
		}
	}
	if err := os.WriteFile(zips[0]+".custody.jsonl", []byte(strings.Replace(string(b), `"ok"`, `"OK"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := c.grab("verify", zips[0]); r.code != 1 || !strings.Contains(r.out, filepath.Base(zips[0])+".custody.jsonl") {
		t.Error(r)
	}
}
