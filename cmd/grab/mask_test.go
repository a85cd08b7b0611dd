package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/wiring"
)

// maskedJSON is an element of the JSON of grab mask.
type maskedJSON struct {
	File, SHA256, Strength, Scope, Error, Hint string
	Already                                    bool
	Rules                                      []struct{ Hits int }
}

// masked masks one bundle.
func (c *labConfig) masked(args ...string) maskedJSON {
	c.T.Helper()
	r := c.grab(append([]string{"mask", "--json"}, args...)...)
	var all []maskedJSON
	if r.decode(c.T, &all); r.code != advice.OK || len(all) != 1 {
		c.T.Fatal(r)
	}
	return all[0]
}

// phonesOf are the devices of a report, those that went partial first.
func phonesOf(t testing.TB, r result) (verdict, partial string, all []string) {
	t.Helper()
	var doc struct {
		Verdict string
		Phones  []struct{ Device, Verdict string }
	}
	r.decode(t, &doc)
	for _, p := range doc.Phones {
		all = append(all, p.Device)
		if p.Verdict == "partial" {
			partial = p.Device
		}
	}
	return doc.Verdict, partial, all
}

// TestMask: a masked bundle is signed, opens with stock unzip, says the same, and has none of
// the phones in it, whose names come back with --restore; masked again it is the same.
func TestMask(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	l, c, dir := newReportLab(t), newLab(t, lab.ExpresswayConfig{}), t.TempDir()
	made, err := wiring.Sealer(config.Bundle{Format: "zip", PCAPNG: true}, analysis.New(), seal.Ring{})(t.Context(), l.job(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	m := c.masked("--out", out, made.Path)
	if filepath.Dir(m.File) != out || m.Strength != "identities" || m.Scope != "site" || m.Already || len(m.Rules) == 0 {
		t.Errorf("%+v", m)
	}
	pub := c.File("grab.pub", c.grab("key", "show").out)
	if r := c.grab("verify", "--key", pub, m.File); r.code != 0 || !strings.Contains(r.out, "signature: ok") {
		t.Error(r)
	}
	unpacked := t.TempDir()
	if b, err := exec.Command("unzip", "-q", m.File, "-d", unpacked).CombinedOutput(); err != nil {
		t.Errorf("unzip: %v (make deps installs it)\n%s", err, b)
	}
	verdict, victim, all := phonesOf(t, runGrab("report", "--json", "--out", t.TempDir(), made.Path))
	verdict2, other, all2 := phonesOf(t, runGrab("report", "--json", "--out", t.TempDir(), m.File))
	if verdict2 != verdict || len(all2) != len(all) || other == victim || victim != l.victim.Device {
		t.Errorf("%s: %s of %q; masked %s: %s of %q", verdict, victim, all, verdict2, other, all2)
	}
	filepath.WalkDir(unpacked, func(path string, d os.DirEntry, err error) error {
		b, _ := os.ReadFile(path)
		for _, phone := range append(all, "expc01", "10.0.30.2") {
			if bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(phone))) || bytes.Contains([]byte(path[len(unpacked):]), []byte(phone)) {
				t.Errorf("%s is in %s", phone, path)
			}
		}
		return err
	})
	if len(entry(t, m.File, "report/sip.pcapng")) < 1000 {
		t.Error("the packets are not there")
	}

	if r := c.grab("mask", "--restore", other+" did not register"); r.code != 0 || r.out != victim+" did not register\n" {
		t.Error(r)
	}
	var wide bytes.Buffer // an answer that PowerShell's > has saved
	if code := run(make(chan struct{}), []string{"-c", c.Path, "mask", "--restore", "-"}, strings.NewReader("\xff\xfe"+strings.Join(strings.Split(other+"\n", ""), "\x00")+"\x00"), &wide, io.Discard); code != 0 || wide.String() != victim+"\n" {
		t.Errorf("%d %q", code, wide.String())
	}
	r := c.grab("mask", "--json", "--restore", other)
	var back []struct{ Kind, Name, Text string }
	if r.decode(t, &back); len(back) != 1 || back[0].Kind != "site" || back[0].Text != victim {
		t.Error(r)
	}
	if r := c.grab("mask", "--restore", "nobody you know"); r.code != 1 || !strings.Contains(r.err, "no map of this store") {
		t.Error(r)
	}
	if again := c.masked("--out", out, made.Path); again.SHA256 != m.SHA256 {
		t.Errorf("masked once more it is another bundle: %+v", again)
	}
	if twice := c.masked("--out", filepath.Join(out, "twice.zip"), m.File); twice.SHA256 != m.SHA256 || !twice.Already {
		t.Errorf("masked twice it is another bundle: %+v", twice)
	}
	if r := newLab(t, lab.ExpresswayConfig{}).grab("mask", "--out", out, m.File); r.code != 1 || !strings.Contains(r.err, "masked already") {
		t.Error(r)
	}
}

// TestMaskCommand: bundles of the store by their names; what goes wrong with one costs no
// other; what is asked for wrongly is told.
func TestMaskCommand(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	path, out := c.sealedNow(), t.TempDir()
	m := c.masked("--out", out, "--strength", "credentials", "@last")
	if got := strings.Join(acts(t, path), " "); got != "masked" || m.Strength != "credentials" {
		t.Errorf("%s, %+v", got, m)
	}
	if r := c.grab("verify", path); r.code != 0 || !strings.Contains(r.out, "1 since") {
		t.Error(r)
	}
	torn := filepath.Join(t.TempDir(), "torn.zip")
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(torn, b[:len(b)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := c.grab("mask", "--json", "--out", out, torn, path)
	var all []maskedJSON
	if r.decode(t, &all); r.code != 1 || len(all) != 2 || all[0].Error == "" || all[0].Hint == "" || all[1].SHA256 == "" {
		t.Error(r)
	}
	if r := c.grab("mask", "--out", out, torn, path); r.code != 1 || !strings.Contains(r.err, "error:") || !strings.Contains(r.out, "masked: ") || !strings.Contains(r.out, "verdict: ") {
		t.Error(r)
	}
	if r := c.grab("mask", "--scope", "case", "--case", "698112233", "--out", out, path); r.code != 0 || !strings.Contains(r.out, "within one case") {
		t.Error(r)
	}
	earlier := t.TempDir() // its custody is written beside it
	if err := os.CopyFS(earlier, os.DirFS(filepath.Join("testdata", "store-v1", "store", "bundles"))); err != nil {
		t.Fatal(err)
	}
	if old, _ := filepath.Glob(filepath.Join(earlier, "*.zip")); len(old) == 0 {
		t.Error("no bundle of an earlier version")
	} else if m := c.masked("--out", out, old[0]); m.SHA256 == "" {
		t.Errorf("of an earlier version: %+v", m)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	encrypted := filepath.Join(out, "x.zip.age")
	if r := c.grab("export", "--encrypt-to", id.Recipient().String(), "--out", encrypted, path); r.code != 0 {
		t.Fatal(r)
	}
	if r := c.grab("mask", "--out", out, encrypted); r.code != 1 || !strings.Contains(r.err, "is encrypted") || !strings.Contains(r.err, "grab open") {
		t.Error(r)
	}
	for _, args := range [][]string{{}, {"--restore", "x", path}, {"--strength", "all", path}, {"--scope", "world", path}, {"--scope", "case", path}, {"--out", filepath.Dir(path), path}} {
		if r := c.grab(append([]string{"mask"}, args...)...); r.code != advice.BadUsage || r.err == "" {
			t.Errorf("%q: %s", args, r)
		}
	}
}

// TestMaskKilled: whenever the program is killed, what is at the output is a whole masked
// bundle or nothing, and the next time all goes well, under the same map.
func TestMaskKilled(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	path, out := c.sealedNow(), t.TempDir()
	began := time.Now()
	first := c.masked("--out", out, path)
	took := time.Since(began)
	pub := c.File("grab.pub", c.grab("key", "show").out)
	for i := range 8 {
		if err := os.RemoveAll(first.File); err != nil {
			t.Fatal(err)
		}
		cmd := program("-c", c.Path, "mask", "--out", out, path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took)))) // whenever: nothing is judged by it
		cmd.Process.Kill()
		cmd.Wait()
		if _, err := os.Stat(first.File); err == nil {
			if r := c.grab("verify", "--key", pub, first.File); r.code != 0 {
				t.Errorf("kill %d: %s", i, r)
			}
		}
	}
	again := c.masked("--out", out, path)
	if again.SHA256 != first.SHA256 {
		t.Error("it is another bundle now")
	}
	if left, _ := os.ReadDir(out); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Dir, "store", "mask", "*.part")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	var m struct{ Masked struct{ Map string } }
	if err := json.Unmarshal(entry(t, again.File, "manifest.json"), &m); err != nil || m.Masked.Map == "" {
		t.Error(m, err)
	}
}
