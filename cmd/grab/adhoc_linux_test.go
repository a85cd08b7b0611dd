package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
)

// A grab by address of a machine that known_hosts does not have: on a terminal it is
// asked about, elsewhere the same is said with the next move; nowhere a login is made
// before, nor called refused.
func TestAdhocHostKey(t *testing.T) {
	t.Parallel()
	key := testserver.NewKey(t, "ecdsa")
	d := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	logs, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Role: "C", Logs: lab.LogConfig{Rate: 20}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logs.Close() })
	logs.Backfill(time.Now().Add(-2 * time.Minute))
	print := ssh.FingerprintSHA256(d.HostKeys["ecdsa"])

	// prepared is the program in a home of its own, where no key is known.
	prepared := func(more ...string) (*exec.Cmd, string) {
		home := t.TempDir()
		id := filepath.Join(home, "id")
		if err := os.WriteFile(id, key.PEM, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := program(append([]string{"now", d.User + "@" + d.Addr(), "--key", id, "--dir", logs.Dir(), "--before", "30s", "--patience", "30s", "--out", home}, more...)...)
		cmd.Env, cmd.Dir = append(cmd.Env, "HOME="+home, "GRAB_CONFIG=", "TMPDIR="+home), home
		return cmd, home
	}
	pinned := func(home string) []string {
		keys, err := setup.PinnedKeys(filepath.Join(home, ".ssh", "known_hosts"), d.Addr())
		if err != nil {
			t.Fatal(err)
		}
		return setup.Fingerprints(keys)
	}
	_, port, _ := net.SplitHostPort(d.Addr())
	asks := []string{print, "ompare it on the peer's console with `ssh-keyscan -p " + port + " 127.0.0.1 | ssh-keygen -lf -`", "in it?"}
	said := func(text string) {
		t.Helper()
		for _, want := range asks {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %s", want, text)
			}
		}
		if strings.Contains(text, evidence.ReasonLogin) {
			t.Errorf("a login that was not made was refused: %s", text)
		}
	}

	t.Run("yes", func(t *testing.T) {
		cmd, home := prepared()
		s := onTerminal(t, cmd)
		s.screen.Until(t, "Pin it?")
		s.press("yes\n")
		if code := s.code(); code != 0 || len(pinned(home)) != 1 || pinned(home)[0] != print {
			t.Errorf("exit %d, pinned %q: %s", code, pinned(home), s.screen.String())
		}
		said(s.screen.String())
	})
	t.Run("no", func(t *testing.T) {
		cmd, home := prepared()
		s := onTerminal(t, cmd)
		s.screen.Until(t, "Pin it?")
		s.press("no\n")
		code := s.code()
		left, _ := filepath.Glob(filepath.Join(home, "grab-adhoc-*"))
		if code != 1 || len(pinned(home)) != 0 || !strings.Contains(s.screen.String(), "no login was made") || len(left) > 0 {
			t.Errorf("exit %d, pinned %q, left %q: %s", code, pinned(home), left, s.screen.String())
		}
	})
	t.Run("no terminal", func(t *testing.T) {
		cmd, home := prepared()
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		cmd.Run()
		said(errOut.String())
		if code := cmd.ProcessState.ExitCode(); code != 4 || len(pinned(home)) != 0 || !strings.Contains(errOut.String(), "give it --fingerprint "+print) {
			t.Errorf("exit %d: %s", code, errOut.String())
		}
	})
	t.Run("fingerprint", func(t *testing.T) {
		cmd, home := prepared("--json", "--fingerprint", print)
		out, _ := cmd.Output()
		var got oneshot.Outcome
		if err := json.Unmarshal(out, &got); err != nil || got.Coverage != evidence.Complete || len(pinned(home)) != 1 {
			t.Errorf("%v %s", err, out)
		}
	})
	t.Run("with another that is down", func(t *testing.T) { // what there is is grabbed, and the row says why not all
		cmd, _ := prepared("root@127.0.0.1:1", "--json", "--patience", "1s")
		out, _ := cmd.Output()
		var got oneshot.Outcome
		if err := json.Unmarshal(out, &got); err != nil || len(got.Hosts) != 2 {
			t.Fatalf("%v %s", err, out)
		}
		for i, want := range []string{evidence.ReasonHostKey, evidence.ReasonUnreachable} {
			if h := got.Hosts[i]; len(h.Files) == 0 || h.Files[0].Missing[0].Reason != want {
				t.Errorf("%s: %+v, want %s", h.Host, h.Files, want)
			}
		}
		if !strings.Contains(got.Hosts[0].Error, print) {
			t.Errorf("the row does not show the key: %s", got.Hosts[0].Error)
		}
	})
}

// Fingerprints are for hosts that no configuration knows; a fault in one touches no store.
func TestAdhocFingerprintFlag(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"})
	if err := os.MkdirAll(filepath.Join(c.Dir, "store", "incidents"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, print := range []string{"nonsense", printOf(c.Peers[0])} {
		if r := c.grab("now", "--direct", "--fingerprint", print); r.code != 2 || !strings.Contains(r.err, "--fingerprint") {
			t.Error(r)
		}
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "store", "incidents")); err != nil {
		t.Error(err)
	}
}
