package release

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

// answer is what grab status --json prints with incidents in those states.
func answer(t *testing.T, states ...string) string {
	t.Helper()
	r := status.Report{Incidents: []status.Incident{}, Sites: []status.Site{}}
	for _, s := range states {
		i := status.Incident{Incident: "20260302T141407Z-hq-3fa2c1", Site: "hq", State: s, Since: time.Now(), Error: `not "running"`}
		if s == "standing" {
			i.State, i.Standing = "running", "standing by: dmz-b seals it"
		}
		r.Incidents = append(r.Incidents, i)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// upgrade runs the script beside a service that answers so, and returns what it said and
// whether it restarted the service.
func upgrade(t *testing.T, status, active string) (said string, restarted bool) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"status.json": status,
		"grab":        "#!/bin/sh\ncat " + dir + "/status.json\nexit 1\n", // 1: an alert would not work for every site
		"systemctl":   "#!/bin/sh\ncase \"$*\" in *is-active*) exit " + active + ";; restart*) touch " + dir + "/restarted;; esac\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "scripts/restart")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "GRAB_PROGRAM="+filepath.Join(dir, "grab"), "GRAB_RESTART_WAIT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out) // the package would count as not configured
	}
	_, err = os.Stat(filepath.Join(dir, "restarted"))
	return string(out), err == nil
}

// TestRestart: an upgrade restarts the service only if it says that no incident is before
// its end, and says what it left undone.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, status, active string
		restarts             bool
		says                 string
	}{
		{"nothing is open", answer(t), "0", true, "runs in its new version"},
		{"one has failed, and nobody works at it", answer(t, "failed"), "0", true, "runs in its new version"},
		{"one waits", answer(t, "waiting"), "0", false, "its old version goes on"},
		{"hosts are asked", answer(t, "failed", "running"), "0", false, "systemctl restart grab"},
		{"one is sealed now", answer(t, "sealing", "failed"), "0", false, "its old version goes on"},
		{"another collector seals it", answer(t, "standing", "failed"), "0", true, "runs in its new version"},
		{"another collector seals one of two", answer(t, "running", "standing"), "0", false, "its old version goes on"},
		{"it says nothing", "", "0", false, "or did not say that it is not"},
		{"it says something else", `{"error": "no"}`, "0", false, "its old version goes on"},
		{"it does not run", answer(t), "3", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			said, restarted := upgrade(t, c.status, c.active)
			if restarted != c.restarts || !strings.Contains(said, c.says) || (c.says == "") != (said == "") {
				t.Errorf("restarted: %v, want %v; it said %q, want %q", restarted, c.restarts, said, c.says)
			}
		})
	}
}

// Every script is one that sh can read.
func TestScripts(t *testing.T) {
	names, err := filepath.Glob("scripts/*")
	if err != nil || len(names) < 8 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if out, err := exec.Command("sh", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
}
