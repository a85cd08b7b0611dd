//go:build !windows

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
)

// period is the time between two proofs in these tests.
const period = time.Second

// proving starts `grab watch` as a child that proves its hosts each period.
func proving(t *testing.T, config string) {
	t.Helper()
	cmd := program("watch", "-c", config)
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%v", provesEvery, period))
	var log testsite.SafeBuffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("watch said:\n%s", log.String())
		}
	})
}

// statusOf asks the running watch until ok is content.
func statusOf(t *testing.T, config, what string, ok func(status.Report) bool) (r status.Report) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		said := runGrab("status", "--json", "-c", config) // a process for each takes most of the test's time
		if r = (status.Report{}); json.Unmarshal([]byte(said.out), &r) == nil && ok(r) {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("never: %s; %s", what, said)
		}
	}
}

func problem(r status.Report, key string) *status.Problem {
	i := slices.IndexFunc(r.Problems, func(p status.Problem) bool { return p.Key == key })
	if i < 0 {
		return nil
	}
	return &r.Problems[i]
}

// TestRealProof: a folder that is gone, one that is empty, a family of which the account
// may not read the files any more, one that is removed, empty or a link are each a No within
// two periods, by real OpenSSH servers, and a Yes again when they are back. What was proven
// of a host is worth nothing once it is configured anew.
func TestRealProof(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	testsite.Until(t, "the peers have written to every log", func() bool {
		for _, p := range s.peers {
			for _, name := range []string{"network_log", "messages", "developer_log"} {
				if st, err := os.Stat(filepath.Join(p.Dir(), name)); err != nil || st.Size() == 0 {
					return false
				}
			}
		}
		return true
	})
	logs := filepath.Join(s.dir, "logs") // as mounted: the peer goes on to write elsewhere
	mount := func(dir string) {
		t.Helper()
		os.Remove(logs)
		if dir != "" {
			if err := os.Symlink(dir, logs); err != nil {
				t.Fatal(err)
			}
		}
	}
	mount(s.peers[0].Dir())
	still := s.copiesFor(s.peers[1].Dir(), "nobody")
	b, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(s.peers[0].Dir()), []byte(logs), 1)
	b = bytes.Replace(b, []byte(s.peers[1].Dir()), []byte(still), 1)
	if os.Geteuid() == 0 { // who may read everything
		b = bytes.Replace(b, []byte("role: E"), []byte("ssh: {user: nobody}, role: E"), 1)
	}
	s.file("grab.yaml", b)
	proving(t, s.config)
	works := func(r status.Report) bool { return r.Works }
	r := statusOf(t, s.config, "it works", works)
	if h := r.Hosts[0]; h.Proven.IsZero() || len(h.Families) != 3 || h.Families[0].Newest.IsZero() || h.Families[0].Proven != h.Proven {
		t.Errorf("%+v", h)
	}

	log := filepath.Join(still, "network_log")
	for _, fault := range []struct {
		key, says  string
		host       int
		make, mend func()
	}{
		{"host/expc01/logs", "no folder", 0, func() { mount("") }, func() { mount(s.peers[0].Dir()) }},
		{"host/expc01/logs", "holds no log", 0, func() { mount(t.TempDir()) }, func() { mount(s.peers[0].Dir()) }},
		{"host/expe01/logs/network_log", "permission denied", 1, func() { os.Chmod(log, 0) }, func() { os.Chmod(log, 0o644) }},
		{"host/expe01/logs/network_log", "no file of network_log", 1, func() { os.Rename(log, still+".away") }, func() { os.Rename(still+".away", log) }},
		{"host/expe01/logs/network_log", "is no regular file", 1, func() { os.Rename(log, still+".away"); os.Symlink(still+".away", log) }, func() { os.Rename(still+".away", log) }},
		{"host/expe01/logs/network_log", "is empty", 1, func() { os.Rename(log, still+".away"); os.WriteFile(log, nil, 0o644) }, func() { os.Rename(still+".away", log) }},
	} {
		fault.make()
		at := time.Now()
		r := statusOf(t, s.config, fault.says, func(r status.Report) bool {
			if r.Works && r.Hosts[fault.host].Proven.After(at.Add(2*period)) {
				t.Fatalf("%s: it works, it says, %v after the fault", fault.says, r.Hosts[fault.host].Proven.Sub(at))
			}
			return problem(r, fault.key) != nil
		})
		if p := problem(r, fault.key); !p.Blocks || !strings.Contains(p.What, fault.says) || p.Hint == "" || p.Since.Before(at) || r.Works {
			t.Errorf("%s: %+v", fault.says, p)
		}
		fault.mend()
		statusOf(t, s.config, "it works again after "+fault.says, works)
	}
	text, _ := program("status", "-c", s.config).Output()
	if !strings.Contains(string(text), "logs listed and read as of ") {
		t.Errorf("%s", text)
	}

	s.file("grab.yaml", bytes.Replace(b, []byte(logs), []byte(t.TempDir()), 1))
	out, err := program("reload", "-c", s.config).CombinedOutput()
	if r = statusOf(t, s.config, "it answers", func(r status.Report) bool { return len(r.Hosts) == 2 && r.Mailboxes[0].Connected }); err != nil || r.Works || problem(r, "host/expc01/logs") == nil && problem(r, "host/expc01/stale") == nil {
		t.Errorf("a host that is configured anew is a Yes by its old proof: %s %+v", out, r.Problems)
	}
}

// copiesFor copies logs as they are to a folder which another user may read.
func (s *realSite) copiesFor(from, user string) string {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), user)
	err := os.Mkdir(dir, 0o755)
	for _, family := range lab.Families() {
		b, err2 := os.ReadFile(filepath.Join(from, family))
		err = errors.Join(err, err2, os.WriteFile(filepath.Join(dir, family), b, 0o644))
	}
	for _, open := range []string{filepath.Dir(filepath.Dir(dir)), filepath.Dir(filepath.Dir(s.sshd[1].Dir))} { // the testing package closes them to others
		err = errors.Join(err, os.Chmod(open, 0o755))
	}
	err = errors.Join(err, filepath.WalkDir(s.sshd[1].Dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == "authorized_keys" {
			err = os.Chmod(path, 0o644)
		}
		return err
	}))
	if err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// silentLab is a peer of which the network log has written nothing for a while, and its
// history: all its logs grew in each of the two hours before that.
func silentLab(t *testing.T) *labConfig {
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.Window, c.Extra = "{before: 5s, after: 0s}", "settle: 10ms"
	c.Write()
	c.cutLog("network_log", time.Now().Add(-time.Minute))
	if err := os.MkdirAll(filepath.Join(c.Dir, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	book, err := growth.Open(atomicfile.JSON[growth.State]{Path: filepath.Join(c.Dir, "store", "growth.json")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := -135; i <= 0; i++ {
		marks := map[string]growth.Mark{"network_log": {Size: 1<<40 + int64(min(i, -15))}} // larger than what is there
		for _, family := range []string{"messages", "developer_log"} {
			marks[family] = growth.Mark{Size: int64(200 + i)}
		}
		book.Observe("expc01", now.Add(time.Duration(i)*time.Minute), marks)
	}
	if err := book.Save(); err != nil {
		t.Fatal(err)
	}
	return c
}

// cutLog leaves of a log what is older than a time.
func (c *labConfig) cutLog(family string, until time.Time) {
	c.T.Helper()
	name, kept := filepath.Join(c.Peers[0].Dir(), family), int64(0)
	c.Peers[0].Flush()
	b, err := os.ReadFile(name)
	if err != nil {
		c.T.Fatal(err)
	}
	stamp := until.In(c.Peers[0].Logs().Zone).Format("2006-01-02T15:04:05")
	for line := range bytes.Lines(b) {
		if string(line[:min(len(stamp), len(line))]) >= stamp {
			break
		}
		kept += int64(len(line))
	}
	if err := os.Truncate(name, kept); err != nil || kept == 0 {
		c.T.Fatal(kept, err)
	}
}

// TestRealSilent: a log that always grew, and stands still while others go on, is a No; a
// window in which it has no record is not whole for it, through the watch and by hand, and
// a retry keeps that. Without a history it is, with a note.
func TestRealSilent(t *testing.T) {
	t.Parallel()
	c := silentLab(t)
	proving(t, c.Path)
	r := statusOf(t, c.Path, "it stands still", func(r status.Report) bool {
		c.write("messages")
		return problem(r, "host/expc01/still/network_log") != nil && r.Mailboxes[0].Connected
	})
	if p := problem(r, "host/expc01/still/network_log"); !p.Blocks || r.Works || time.Since(p.Since) < 14*time.Minute || len(r.Problems) != 1 {
		t.Errorf("%+v", r.Problems)
	}
	var m evidence.Manifest
	for _, how := range [][]string{{"now", "--json"}, {"now", "--json", "--direct"}, {"retry", "--json", "--direct"}} {
		c.write("messages")
		if how[0] == "retry" {
			how = append(how, m.Incident)
		}
		r := c.grab(how...)
		m = evidence.Manifest{}
		r.decode(t, &m)
		f := m.Hosts[0].Files[slices.IndexFunc(m.Hosts[0].Files, func(f evidence.File) bool { return f.Family == "network_log" })]
		if r.code != 3 || m.Coverage != evidence.Partial || f.Coverage != evidence.Partial || len(f.Missing) != 1 || f.Missing[0].Reason != evidence.ReasonSilent || f.First != nil {
			t.Errorf("%v: %s", how, r)
		}
	}
	if err := os.Remove(filepath.Join(c.Dir, "store", "growth.json")); err != nil {
		t.Fatal(err)
	}
	c.write("messages")
	r2 := c.grab("now", "--json", "--direct")
	m = evidence.Manifest{}
	r2.decode(t, &m)
	if note := "network_log of expc01 has no record in the window; it is not known whether it should"; r2.code != 0 || m.Coverage != evidence.Complete || !slices.Contains(m.Notes, note) {
		t.Errorf("%s", r2)
	}
}

// write adds a record to a log of the peer.
func (c *labConfig) write(family string) {
	c.T.Helper()
	if err := c.Peers[0].Write(family, time.Now(), "INFO", "x", `Detail="it goes on"`); err != nil {
		c.T.Fatal(err)
	}
}

// TestRealClockStep: a clock that leaps is a No while an alert would reach back to that,
// and what is grabbed of that time is not whole.
func TestRealClockStep(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.Window, c.Extra = "{before: 1m, after: 0s}", "settle: 10ms"
	c.Write()
	c.Peers[0].Start()
	proving(t, c.Path)
	statusOf(t, c.Path, "its clock is known", func(r status.Report) bool { return r.Works && r.Hosts[0].ClockMS != nil })
	c.Peers[0].SetClockOffset(30 * time.Second)
	r := statusOf(t, c.Path, "the leap", func(r status.Report) bool { return problem(r, "host/expc01/step") != nil })
	if p := problem(r, "host/expc01/step"); !p.Blocks || !strings.Contains(p.What, "forward by 30 s") {
		t.Errorf("%+v", p)
	}
	got := c.grab("now", "--json")
	var m evidence.Manifest
	got.decode(t, &m)
	if got.code != 3 || m.Coverage != evidence.Partial {
		t.Errorf("%s", got)
	}
	for _, f := range m.Hosts[0].Files {
		if !slices.ContainsFunc(f.Missing, func(s evidence.Span) bool { return s.Reason == evidence.ReasonSilent }) {
			t.Errorf("%+v", f)
		}
	}
}

// TestRealClockLeaps: a clock that leaps after it was measured, which as a rule the grab
// alone has seen, leaves a span missing.
func TestRealClockLeaps(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.Window, c.Extra = "{before: 30s, after: 1s}", "settle: 10ms"
	c.Write()
	c.Peers[0].Start()
	c.watching(c.Socket()) // it proves its hosts once a minute
	statusOf(t, c.Path, "its clock is known", func(r status.Report) bool { return r.Works && r.Hosts[0].ClockMS != nil })
	c.Peers[0].SetClockOffset(-40 * time.Second)
	at := time.Now()
	if err := c.Mail.Deliver(rtmt.Mail(rtmt.MailOptions{Time: at}), at); err != nil {
		t.Fatal(err)
	}
	l := c.list(func(l []incident.Listed) bool { return len(l) == 1 && l[0].State == incident.Sealed })
	m, err := bundle.ReadManifest(l[0].Bundle)
	if err != nil || m.Coverage != evidence.Partial {
		t.Fatalf("%v %+v", err, m.Hosts)
	}
	for _, f := range m.Hosts[0].Files {
		if !slices.ContainsFunc(f.Missing, func(s evidence.Span) bool { return s.Reason == evidence.ReasonSilent }) {
			t.Errorf("%+v", f)
		}
	}
}
