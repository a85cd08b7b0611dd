package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/lab"
)

// TestOpenPassphrase: the passphrase of a key is asked for on a terminal, or comes from a
// file or the environment; without any of these nothing is opened, and the hint says how.
func TestOpenPassphrase(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{})
	path := c.sealedNow()
	key := filepath.Join(c.Dir, "analyst")
	if out, err := exec.Command("ssh-keygen", "-q", "-a", "1", "-t", "ed25519", "-N", "correct horse", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out := t.TempDir()
	if r := c.grab("export", "--encrypt-to", strings.TrimSpace(readFile(t, key+".pub")), "--out", out, path); r.code != 0 {
		t.Fatal(r)
	}
	sealed := filepath.Join(out, filepath.Base(path)+".age")
	open := func(more ...string) []string {
		return append([]string{"open", sealed, "--out", t.TempDir(), "-i", key}, more...)
	}
	t.Setenv("KEY_WORDS", "correct horse")
	words, wrong := c.File("words", "correct horse\n"), c.File("wrong", "no-such-phrase-71\n")
	for _, args := range [][]string{open("--passphrase-file", words), open("--passphrase-env", "KEY_WORDS")} {
		if r := runGrab(args...); r.code != 0 {
			t.Error(r)
		}
	}
	r := runGrabIn(typing(t, "correct horse"), open()...)
	if r.code != 0 || !strings.Contains(r.err, "Passphrase of "+key) || strings.Contains(r.err+r.out, "horse") {
		t.Error(r)
	}
	for says, args := range map[string][]string{
		"--passphrase-file or --passphrase-env": open(),
		"does not open it":                      open("--passphrase-file", wrong),
		"is not set":                            open("--passphrase-env", "KEY_WORDS_NOT"),
		"name one of them":                      open("--passphrase-file", words, "--passphrase-env", "KEY_WORDS"),
	} {
		if r := runGrab(args...); r.code != 2 || !strings.Contains(r.err, says) || strings.Contains(r.err, "horse") {
			t.Errorf("%v\nwant %q", r, says)
		}
	}
}

// TestOpenKilled: what a `grab open` had decrypted when it was killed is removed by the next
// one there, of another bundle too.
func TestOpenKilled(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{})
	out := t.TempDir()
	left := filepath.Join(out, "grab-open-123.part")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "other.zip"} { // nobody holds the lock any more
		if err := os.WriteFile(filepath.Join(left, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := c.grab("open", c.sealedNow(), "--out", out); r.code != 0 {
		t.Fatal(r)
	}
	if left, _ := os.ReadDir(out); len(left) != 1 || strings.HasSuffix(left[0].Name(), ".part") {
		t.Errorf("there is %v", left)
	}
}
