package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/lab"
)

// Whoever reads what a grab says may go before its bundle is made, as `grab now 2>&1 | tee log`
// has it at a Ctrl-C, which ends tee too: the bundle is made all the same, and what was
// copied for a machine without configuration does not stay behind.
func TestReaderGoes(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Name: "expc01", Role: "C"})
	e := c.Peers[0]
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), lab.KnownHosts(e), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"now", "-c", c.Path, "--out", home},
		{"now", "root@" + e.Addr(), "--key", filepath.Join(c.Dir, "id"), "--dir", e.LogDir(), "--before", "30s", "--out", home},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd := program(args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = append(cmd.Env, "HOME="+home, "TMPDIR="+home), w, w
		err = cmd.Run()
		w.Close()
		if x, ok := err.(*exec.ExitError); !ok || x.ExitCode() != advice.NoReader {
			t.Errorf("%q: %v, want exit code %d", args, err, advice.NoReader)
		}
		if made, _ := filepath.Glob(filepath.Join(home, "*.zip")); len(made) != 1 {
			t.Errorf("%q: %q are made, want a bundle", args, made)
		} else if err := os.Remove(made[0]); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(home, "grab-adhoc-*")); len(left) != 0 {
		t.Errorf("%q are left", left)
	}
}
