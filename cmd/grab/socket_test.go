//go:build !windows

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/remote"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
)

const through = "using the grab watch"

// watching runs `grab watch` in this process until stop is called, and waits until it
// answers.
func (c *labConfig) watching(socket string) (stop func() result) {
	c.T.Helper()
	var out, log testsite.SafeBuffer
	interrupted, ended := make(chan struct{}), make(chan int, 1)
	go func() { ended <- run(interrupted, []string{"-c", c.Path, "watch"}, strings.NewReader(""), &out, &log) }()
	var r *result
	stop = func() result {
		if r == nil {
			close(interrupted)
			r = &result{<-ended, out.String(), log.String()}
		}
		return *r
	}
	c.T.Cleanup(func() {
		if stop(); c.T.Failed() {
			c.T.Logf("watch: %s", r)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := (&control.Client{Path: socket}).Do(c.T.Context(), http.MethodGet, "/hello", nil, nil)
		if err == nil {
			return stop
		}
		if time.Now().After(deadline) {
			c.T.Fatalf("%v\n%s", err, stop())
		}
	}
}

// warm waits until the watcher holds a session to every peer.
func (c *labConfig) warm() {
	c.T.Helper()
	for _, e := range c.Peers {
		for deadline := time.Now().Add(time.Minute); e.Stats().Accepted == 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				c.T.Fatal("the watcher never logs in")
			}
		}
	}
}

var (
	incidentRE = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z-[a-z]+-[0-9a-f]{6}`)
	changing   = regexp.MustCompile(`ahead of|behind|[0-9][0-9,.:TZhmsµn-]*(?:( [KMG]iB| bytes| ms| s| min| h)\b)?|SHA256:[A-Za-z0-9+/]+|\b[0-9a-f]{12,}\b|(sessions?|connections?) .*`)
	blanks     = regexp.MustCompile(`[ \t]+`)
)

// alike is what of a text is the same in two runs of one command.
func alike(s string) string {
	var lines []string
	for line := range strings.Lines(incidentRE.ReplaceAllString(s, "INCIDENT")) {
		skip := []string{through, "session", "requested by", "a grab watch runs", "no grab watch runs", "copying", "files open", "mailbox ", "Cut ", "window was cut", "Notes", " clock ", "attempts failed"}
		if strings.TrimSpace(line) == "" || slices.ContainsFunc(skip, func(s string) bool { return strings.Contains(line, s) }) {
			continue
		}
		lines = append(lines, blanks.ReplaceAllString(changing.ReplaceAllString(line, "N"), " "))
	}
	return strings.Join(slices.Compact(lines), "") // a host may be tried once more
}

// shape is the keys of a JSON document, and the values that tell how a thing went.
func shape(t *testing.T, s string) string {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(s))
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("not one document: %v\n%s", err, s)
	}
	var lines []string
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["what"] == "session" || v["what"] == "clock" {
				return
			}
			for k, e := range v {
				if k != "notes" && k != "window_widened_ms" { // a clock that was measured earlier is less sure
					walk(at+"."+k, e)
				}
			}
		case []any:
			for _, e := range v {
				walk(at+"[]", e)
			}
		case string:
			if slices.Contains([]string{"coverage", "site", "case", "status", "what", "error", "hint"}, at[strings.LastIndex(at, ".")+1:]) {
				at += " " + alike(v)
			}
			lines = append(lines, at)
		default:
			lines = append(lines, at)
		}
	}
	walk("", v)
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// Every command ends and says the same by way of the watcher as without it.
func TestThroughAndDirect(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"}).withMail()
	c.Extra = "settle: 100ms"
	c.Write()
	c.watching(c.Socket())
	c.warm()
	begun := time.Now().UTC().Format(time.RFC3339)                         // the newest records are of about then
	incidents := map[string]string{"BEGUN": begun, "BEGUN--direct": begun} // and by coverage and way
	for _, tt := range []struct {
		args string
		down bool // the second host
		code int
	}{
		{args: "now --reason why --case 7", code: 0},
		{args: "now --json --phone SEP00EBD5D5D8C6 --at BEGUN --before 20s --after 500ms", code: 0},
		{args: "now expc01 --at BEGUN --before 20s --after 500ms", code: 0},
		{args: "now --at 2020-01-01T00:00:00Z --json", code: 4},
		{args: "now --before -1s", code: 2},
		{args: "now --json --at yesterday", code: 2},
		{args: "now nobody", code: 2},
		{args: "now --json --site nowhere", code: 2},
		{args: "retry COMPLETE", code: 0},
		{args: "retry --json COMPLETE", code: 0},
		{args: "retry 20200101T000000Z-hq-123456", code: 1},
		{args: "retry --json ../../etc", code: 1},
		{args: "check --offline", code: 0},
		{args: "check --json nobody", code: 2},
		{args: "check expc01", code: 0},
		{args: "now --at BEGUN --before 20s --after 500ms --patience 1s --json", down: true, code: 3},
		{args: "retry --patience 1s PARTIAL", down: true, code: 3},
		{args: "check --timeout 5s --json", down: true, code: 1},
	} {
		t.Run(tt.args, func(t *testing.T) {
			if tt.down {
				if err := c.Peers[1].SetDown(true); err != nil {
					t.Fatal(err)
				}
				testsite.Until(t, "the watch notices", func() bool {
					var s status.Report
					err := json.Unmarshal([]byte(c.grab("status", "--json").out), &s)
					return err == nil && len(s.Hosts) == 2 && s.Hosts[1].Warm != "up"
				})
			}
			var got [2]result
			for i, way := range []string{"", "--direct"} {
				args := strings.Fields(tt.args)
				for j, a := range args {
					if id, ok := incidents[a+way]; ok {
						args[j] = id
					}
				}
				got[i] = c.grab(append(args, strings.Fields(way)...)...)
				if got[i].code != tt.code || strings.Contains(got[i].err, through) != (way == "") {
					t.Errorf("%s: want exit %d, %s", way, tt.code, got[i])
				}
				if id := incidentRE.FindString(got[i].out); id != "" && tt.code == 0 {
					incidents["COMPLETE"+way] = id
				} else if id != "" && tt.code == 3 {
					incidents["PARTIAL"+way] = id
				}
			}
			if strings.Contains(tt.args, "--json") {
				if a, b := shape(t, got[0].out), shape(t, got[1].out); a != b {
					t.Errorf("through the socket\n%s\ndirect\n%s", a, b)
				}
			} else if a, b := alike(got[0].out), alike(got[1].out); a != b {
				t.Errorf("through the socket\n%s\ndirect\n%s", a, b)
			}
			if a, b := alike(got[0].err), alike(got[1].err); a != b {
				t.Errorf("through the socket\n%s\ndirect\n%s", a, b)
			}
		})
	}
}

// Whatever is asked of the watcher goes over the sessions it has.
func TestThroughLogins(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"}).withMail()
	c.Extra = "settle: 100ms"
	c.Write()
	c.watching(c.Socket())
	c.warm()
	for _, args := range [][]string{{"now"}, {"check"}, {"now", "--json"}} {
		if r := c.grab(args...); r.code != 0 || !strings.Contains(r.err, through) {
			t.Error(r)
		}
	}
	for _, e := range c.Peers {
		if n := e.Stats().Accepted; n != 1 {
			t.Errorf("%s: %d logins", e.Name(), n)
		}
	}
	var o oneshot.Outcome
	r := c.grab("now", "--json", "--out", filepath.Join(c.Dir, "out"))
	r.decode(t, &o)
	if res, err := bundle.Verify(t.Context(), o.Bundle); err != nil || !res.OK || filepath.Dir(o.Bundle) != filepath.Join(c.Dir, "out") {
		t.Errorf("%v %+v: %s", err, res, r)
	}
	if r := c.grab("now", "--out", filepath.Join(c.Path, "no")); r.code != 2 || !strings.Contains(r.err, "--out") {
		t.Error(r)
	}
}

// An engineer who may read neither keys nor store, but is of the group, gets his bundle.
func TestThroughAsMember(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Log("not root: nothing can be tried as another user")
		return
	}
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	open, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(open)
	home := filepath.Join(open, "home")
	for dir, mode := range map[string]os.FileMode{open: 0o755, home: 0o755} {
		if err := os.Mkdir(dir, mode); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		os.Chmod(dir, mode)
	}
	os.Chown(home, 65534, 65534)
	socket := filepath.Join(open, "grab.sock")
	c.Extra = "socket: {path: " + socket + ", group: \"65432\"}"
	c.Write()
	exe, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	prog, config := filepath.Join(open, "grab"), filepath.Join(open, "grab.yaml")
	if err := os.WriteFile(prog, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	text := c.Read("grab.yaml")
	for _, key := range []string{"store: ", "key: {file: ", "known_hosts: ", "password: {file: ", "ca_file: "} {
		text = strings.ReplaceAll(text, key, key+c.Dir+"/")
	}
	if err := errors.Join(os.WriteFile(config, []byte(text), 0o640), os.Chown(config, -1, 65432), os.Chmod(config, 0o640)); err != nil {
		t.Fatal(err) // as `grab init` writes it, and the socket's group may read it
	}
	c.Path = config
	os.Chmod(filepath.Dir(c.Dir), 0o700)
	stop := c.watching(socket)

	as := func(gid uint32, args ...string) result {
		cmd := exec.Command(prog, append([]string{"-c", config}, args...)...)
		cmd.Env, cmd.Dir = []string{asProgram + "=1", "HOME=" + home}, home
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{gid}}}
		var out, errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errOut
		cmd.Run()
		return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
	}
	var o oneshot.Outcome
	r := as(65432, "now", "--json", "--patience", "2m")
	r.decode(t, &o)
	info, err := os.Stat(o.Bundle)
	if r.code != 0 || err != nil || filepath.Dir(o.Bundle) != home || info.Sys().(*syscall.Stat_t).Uid != 65534 || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v: %s", err, r)
	}
	if res, err := bundle.Verify(t.Context(), o.Bundle); err != nil || !res.OK {
		t.Errorf("%+v %v", res, err)
	}
	if !slices.ContainsFunc(o.Notes, func(n string) bool { return strings.Contains(n, "uid 65534") }) {
		t.Errorf("it does not say who asked: %q", o.Notes)
	}
	if r := as(65432, "check"); r.code != 0 || !strings.Contains(r.out, "grab watch's own session") {
		t.Error(r)
	}
	if r := as(65432, "now", "--out", "/"); r.code != 2 {
		t.Error(r)
	}
	os.Chmod(config, 0o644)
	if r := as(65431, "now"); r.code == 0 || !strings.Contains(r.err, "may not use the socket") {
		t.Error(r)
	}
	os.Chmod(config, 0o640)
	if r := as(65432, "status"); !strings.Contains(r.out, "expc01") {
		t.Errorf("status: %s", r)
	}
	if r := as(65432, "__complete", "now", ""); !strings.Contains(r.out, "expc01") {
		t.Errorf("completion: %s", r)
	}
	if log := stop(); !strings.Contains(log.err, "uid 65534") {
		t.Errorf("the log does not say who asked: %s", log)
	}
	os.Chown(config, 65533, 65432) // a service's own, which this user would not grab by
	if r := as(65432, "status"); r.code != 1 || !strings.Contains(r.err, "no grab watch answers") {
		t.Errorf("status without a watch: %s", r)
	}
}

// client runs a command in this process, which may be interrupted.
func (c *labConfig) client(args ...string) (said *testsite.SafeBuffer, interrupt func(), end func() result) {
	var out testsite.SafeBuffer
	said = &testsite.SafeBuffer{}
	interrupted, ended := make(chan struct{}), make(chan int, 1)
	go func() {
		ended <- run(interrupted, append([]string{"-c", c.Path}, args...), strings.NewReader(""), &out, said)
	}()
	return said, func() { close(interrupted) }, func() result { return result{<-ended, out.String(), said.String()} }
}

// The first Ctrl-C seals what there is; a client that is killed changes nothing; one
// whose watcher is stopped says so, and the incident goes on at the next start.
func TestThroughEnds(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	stop := c.watching(c.Socket())

	said, interrupt, end := c.client("now", "--after", "1h")
	said.Until(t, "files open")
	c.copied()
	interrupt()
	if r := end(); r.code != 3 || !strings.Contains(r.out, "stopped by hand") {
		t.Error(r)
	}

	cmd := program("-c", c.Path, "now", "--after", "1s")
	var killed testsite.SafeBuffer
	cmd.Stderr = &killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed.Until(t, "files open")
	cmd.Process.Kill()
	cmd.Wait()
	c.complete(1)

	said, _, end = c.client("now", "--after", "3s")
	said.Until(t, "files open")
	stop()
	if r := end(); r.code != 1 || !strings.Contains(r.err, "grab watch was stopped") || !strings.Contains(r.err, "grab: hint:") {
		t.Error(r)
	}
	c.watching(c.Socket())
	c.complete(2)
}

// list waits until the store's incidents are as they should be.
func (c *labConfig) list(good func([]incident.Listed) bool) []incident.Listed {
	c.T.Helper()
	store := &incident.Store{Dir: filepath.Join(c.Dir, "store")}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		list, err := store.List()
		if err == nil && good(list) {
			return list
		}
		if time.Now().After(deadline) {
			c.T.Fatalf("%v %+v", err, list)
		}
	}
}

// complete waits until n incidents are sealed with all that there was.
func (c *labConfig) complete(n int) {
	c.T.Helper()
	c.list(func(list []incident.Listed) bool {
		got := 0
		for _, l := range list {
			if l.State == incident.Sealed && l.Coverage == evidence.Complete {
				got++
			}
		}
		return got == n
	})
}

// copied waits until something was got of an incident that is open.
func (c *labConfig) copied() {
	c.T.Helper()
	c.list(func(list []incident.Listed) bool {
		return slices.ContainsFunc(list, func(l incident.Listed) bool { return l.State == incident.Running && l.Coverage == evidence.Partial })
	})
}

// A retry of what the watcher is going to try again later has it done now.
func TestThroughRetryWakes(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	bundles := filepath.Join(c.Dir, "store", "bundles")
	c.watching(c.Socket())
	if err := os.Rename(bundles, bundles+".away"); err != nil { // something may be in it for a moment
		t.Fatal(err)
	}
	c.File("store/bundles", "in the way")
	now := time.Now()
	if err := c.Mail.Deliver(rtmt.Mail(rtmt.MailOptions{Node: "cucm01", Count: 1, Time: now, Zone: time.UTC}), now); err != nil {
		t.Fatal(err)
	}
	id := c.list(func(list []incident.Listed) bool { return len(list) == 1 && list[0].State == incident.Failed })[0].Incident
	if r := c.grab("retry", id); r.code != 1 || !strings.Contains(r.err, "retries now") || !strings.Contains(r.err, "not a directory") {
		t.Errorf("request failed: %s", r)
	}
	os.Remove(bundles)
	if err := os.Mkdir(bundles, 0o700); err != nil {
		t.Fatal(err)
	}
	if r := c.grab("retry", id); r.code != 0 || !strings.Contains(r.err, "retries now") || !strings.Contains(r.out, "bundle ") {
		t.Error(r)
	}
}

// A watcher of another configuration is not asked, nor any for user@address.
func TestNotThrough(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.watching(c.Socket())
	other := c.File("other.yaml", c.Read("grab.yaml"))
	if r := runGrab("-c", other, "check", "--offline"); r.code != 0 || strings.Contains(r.err, through) {
		t.Error(r)
	}
	if r := c.grab("now", "root@127.0.0.1:1", "--key", filepath.Join(c.Dir, "id"), "--patience", "1ms", "--before", "1s", "--out", c.Dir); strings.Contains(r.err, through) {
		t.Error(r)
	}
	t.Chdir(t.TempDir())
	t.Setenv("GRAB_CONFIG", "")
	if _, err := os.Stat("/etc/grab/grab.yaml"); err == nil {
		return // this machine has one
	}
	if path, places, ok := remote.Where(""); path != "" || !ok || !slices.Contains(places, "/run/grab/grab.sock") {
		t.Errorf("without a configuration: %q %v %v", path, places, ok)
	}
	c.Extra = "socket: {path: none}"
	c.Write()
	if _, _, ok := remote.Where(c.Path); ok {
		t.Error("a watcher that answers nobody is looked for")
	}
}
