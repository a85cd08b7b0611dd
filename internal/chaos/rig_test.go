//go:build linux

package chaos

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

// A rig is the watcher, its mailbox, and the line between them.
type rig struct {
	t      *testing.T
	dir    string
	binary string
	mail   *testserver.Dovecot
	line   *testserver.Proxy

	mu      sync.Mutex // over the mailbox's folder: who delivers, renumbers, expunges
	cmd     *exec.Cmd
	ended   chan struct{}
	log     *os.File
	peak    int64 // bytes, of the largest watcher
	settled time.Duration
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, dir: t.TempDir(), mail: testserver.StartDovecot(t, testserver.DovecotOptions{})}
	var err error
	r.binary, err = usual()
	r.check(err)
	r.line, err = testserver.Start(r.mail.IMAP, 0)
	r.check(err)
	t.Cleanup(func() { r.line.Close() })
	r.log, err = os.Create(filepath.Join(r.dir, "watch.log"))
	r.check(err)
	t.Cleanup(func() { r.log.Close() })
	t.Cleanup(func() { r.kill() })
	testserver.ShowLog(t, r.log.Name())
	r.configure()
	return r
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// configure writes a configuration whose one host is never there, so that each
// incident is sealed soon. The mailbox is reached without TLS: what the line
// garbles then reaches the parser.
func (r *rig) configure() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.check(err)
	gone := l.Addr().String()
	l.Close()
	for name, text := range map[string]string{
		"imap.secret": r.mail.Password + "\n",
		"ssh.secret":  "none\n",
		"grab.yaml": fmt.Sprintf(`store: store
mail: {server: %q, tls: none, user: %q, password: {file: imap.secret}, poll: 2s, catch_up: 1h, max_age: 24h}
window: {before: 30s, after: 1s, max: 2m}
alerts: {limit: 0}
settle: 1ms
patience: 1s
keep: {free: 1MiB}
ssh: {password: {file: ssh.secret}, warm: false}
sites:
  - name: hq
    clusters: [StandAloneCluster]
    hosts: [{name: expc01, role: C, address: %q, host_key: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}]
`, r.line.Addr(), r.mail.User, gone),
	} {
		r.check(os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600))
	}
}

func (r *rig) startWatch() {
	r.t.Helper()
	cmd := exec.Command(r.binary, "watch", "-c", filepath.Join(r.dir, "grab.yaml"))
	cmd.Stderr, cmd.Dir = r.log, r.dir
	cmd.Env = append(os.Environ(), "GOGC=") // its size is measured
	r.check(cmd.Start())
	ended := make(chan struct{})
	go func() { // ends with the process
		cmd.Wait()
		close(ended)
	}()
	r.cmd, r.ended = cmd, ended
}

// alive fails the test if the watcher ended by itself.
func (r *rig) alive() {
	r.t.Helper()
	select {
	case <-r.ended:
		r.t.Fatalf("the watcher has ended by itself: %v", r.cmd.ProcessState)
	default:
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// measure notes the watcher's largest size so far.
func (r *rig) measure() {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if m := highWater.FindSubmatch(b); err == nil && m != nil {
		kb, _ := strconv.ParseInt(string(m[1]), 10, 64)
		r.peak = max(r.peak, kb<<10)
	}
}

func (r *rig) kill() {
	if r.cmd == nil {
		return
	}
	r.measure()
	r.cmd.Process.Kill()
	<-r.ended
	r.cmd = nil
}

// stopWatch ends the watcher as a service manager does.
func (r *rig) stopWatch() {
	r.t.Helper()
	r.alive()
	r.measure()
	r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(time.Minute):
		r.t.Error("the watcher does not stop")
	}
	if s := r.cmd.ProcessState; s != nil && s.ExitCode() != 0 {
		r.t.Errorf("the watcher ended with %v", s)
	}
	r.cmd = nil
}

func (r *rig) deliver(raw []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mail.Deliver("", raw)
}

// calm ends all trouble of the line.
func (r *rig) calm() {
	r.line.Stall(false)
	r.line.CutAfter(-1)
	r.line.SetRoundTrip(0)
	r.line.SetRate(0)
	r.line.Duplicate(0)
	r.line.Cut()
}

// said reports whether the watcher's log has text in it.
func (r *rig) said(text string) bool {
	b, err := os.ReadFile(r.log.Name())
	return err == nil && bytes.Contains(b, []byte(text))
}
