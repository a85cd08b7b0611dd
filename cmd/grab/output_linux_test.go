package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"rtmtgrab/internal/lab"
)

// Where what a command prints cannot be written, as on a full disk, it fails and says so on standard
// error, which is not the same file.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"})
	for _, args := range [][]string{{"check", "--offline"}, {"check", "--offline", "--json"}, {"check", "--direct"}, {"check", "--direct", "--json"},
		{"list"}, {"list", "--json"}, {"config", "show", "--json"}, {"now", "--direct"}, {"now", "--direct", "--json"}} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		cmd := program(append([]string{"-c", c.Path}, args...)...)
		cmd.Stdout, cmd.Stderr = full, &said
		err = cmd.Run()
		full.Close()
		if x, ok := err.(*exec.ExitError); !ok || x.ExitCode() != 1 {
			t.Errorf("%q: %v, want exit code 1", args, err)
		}
		if !strings.Contains(said.String(), "grab: error: ") || !strings.Contains(said.String(), "no space left on device") {
			t.Errorf("%q says %q", args, said.String())
		}
		if args[0] == "now" && !strings.Contains(said.String(), ".zip") {
			t.Errorf("%q does not say where the bundle is: %q", args, said.String())
		}
	}
}

// What stands in a file's name does nothing to a terminal.
func TestErrorIsPlain(t *testing.T) {
	said, err := program("check", "-c", newLab(t, lab.ExpresswayConfig{Role: "C"}).Path, "--mail", "a\x1b[31m\u202eb").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "a [31m b") || strings.ContainsAny(string(said), "\x1b\u202e") {
		t.Errorf("%v: %q", err, said)
	}
}
