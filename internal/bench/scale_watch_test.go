//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is one that BenchmarkScale has started and looks at.
type process struct {
	tb  testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// startProcess starts one that ends with its standard input, or by SIGTERM.
func startProcess(tb testing.TB, stderr io.Writer, name string, args ...string) *process {
	tb.Helper()
	p := &process{tb: tb, cmd: exec.Command(name, args...)}
	p.cmd.Stderr = stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	must(tb, err)
	out, err := p.cmd.StdoutPipe()
	must(tb, err)
	p.out = bufio.NewScanner(out)
	must(tb, p.cmd.Start())
	tb.Cleanup(p.stop)
	return p
}

func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	p.in.Close()
	p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(time.Minute, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	p.cmd.Wait()
}

// says waits for a line of its standard output.
func (p *process) says(line string) {
	p.tb.Helper()
	for p.out.Scan() {
		if p.out.Text() == line {
			return
		}
	}
	p.tb.Fatalf("it ended without having said %q: %v", line, p.out.Err())
}

// cpu is what it has used, user and system, without its children that still run.
func (p *process) cpu() (own, children time.Duration) { return cpuOf(p.tb, p.cmd.Process.Pid) }

func cpuOf(tb testing.TB, pid int) (own, children time.Duration) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(tb, err)
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	ticks := func(i int) time.Duration {
		n, err := strconv.ParseInt(f[i], 10, 64)
		must(tb, err)
		return time.Duration(n) * time.Second / 100
	}
	return ticks(11) + ticks(12), ticks(13) + ticks(14)
}

// memory is its resident set now, and the most since clearPeak.
func (p *process) memory() (now, peak int64) { return memoryOf(p.tb, p.cmd.Process.Pid) }

func memoryOf(tb testing.TB, pid int) (now, peak int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(tb, err)
	return kib(b, "VmRSS:"), kib(b, "VmHWM:")
}

func kib(status []byte, name string) int64 {
	_, rest, _ := bytes.Cut(status, []byte(name))
	f := bytes.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(f[0]), 10, 64)
	return n << 10
}

func (p *process) clearPeak() {
	must(p.tb, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0))
}

// A watch is a `grab watch` and what it has logged of incidents.
type watch struct {
	*process
	dir string

	mu    sync.Mutex
	whole io.Writer // gets all of it
	rest  []byte
	log   bytes.Buffer          // what is worse than news
	steps map[string]*siteSteps // by site, of the incident that began last
}

// siteSteps are the times of one incident.
type siteSteps struct {
	incident             string
	begun                time.Time // its first line in the log
	held, copied, sealed time.Time // held: the last host
}

var logLine = regexp.MustCompile(`^time=(\S+) level=(\S+) msg="([^"]*)" incident=\S*Z-(s\d+)-(\S+)`)

// Write takes the log of the watch apart.
func (w *watch) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole.Write(b)
	w.rest = append(w.rest, b...)
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		w.take(string(line))
		w.rest = rest
	}
}

func (w *watch) take(line string) {
	if !strings.Contains(line, "level=INFO") && w.log.Len() < 1<<20 {
		fmt.Fprintln(&w.log, line)
	}
	m := logLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	at, err := time.Parse(time.RFC3339Nano, m[1])
	if err != nil {
		return
	}
	s := w.steps[m[4]]
	if s == nil || s.incident != m[5] {
		s = &siteSteps{incident: m[5], begun: at}
		w.steps[m[4]] = s
	}
	switch {
	case m[3] == "files open":
		s.held = at
	case m[3] == "first copy done":
		s.copied = at
	case m[3] == "incident sealed":
		s.sealed = at
	}
}

// startWatch writes the configuration for the laboratory's hosts, scaleSite to a site, and
// starts the watch.
func startWatch(tb testing.TB, grab, dir string, plan labPlan) *watch {
	tb.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "store: %[1]s/store\nsocket: {path: %[1]s/grab.sock}\nmail: {server: %[2]q, ca_file: %[1]s/ca.pem, user: %[3]q, password: {file: %[1]s/imap.secret}}\n", dir, plan.Mail, plan.User)
	fmt.Fprintf(&b, "alerts: {limit: 0}\ncooldown: 1s\nwindow: {before: 2m, after: 20s}\nkeep: {free: 1MiB}\nlogs: {dir: %[1]s/logs}\nssh: {user: root, key: {file: %[1]s/key}}\nsites:\n", dir)
	for i, h := range plan.Hosts {
		if i%scaleSite == 0 {
			fmt.Fprintf(&b, "- name: s%03d\n  time_zone: UTC\n  clusters: [%s]\n  hosts:\n", i/scaleSite, clusterOf(i/scaleSite))
		}
		fmt.Fprintf(&b, "  - {name: h%04d, role: %s, address: %q, host_key: %q}\n", i, "CE"[i%2:i%2+1], h.Address, h.Key)
	}
	conf := filepath.Join(dir, "grab.yaml")
	must(tb, os.WriteFile(conf, []byte(b.String()), 0o600))
	w := &watch{dir: dir, whole: io.Discard, steps: map[string]*siteSteps{}}
	if profiles != "" {
		f, err := os.Create(filepath.Join(profiles, "watch.log"))
		must(tb, err)
		tb.Cleanup(func() { f.Close() })
		w.whole = f
	}
	tb.Setenv("GRAB_PPROF", filepath.Join(dir, "pprof.sock"))
	w.process = startProcess(tb, w, grab, "watch", "-c", conf)
	return w
}

// proven is how many hosts are up and have been proven since a moment.
func (w *watch) proven(grab string, since time.Time) (n int) {
	out, err := exec.Command(grab, "status", "-c", filepath.Join(w.dir, "grab.yaml"), "--json").Output()
	var r struct {
		Hosts []struct {
			Warm   string    `json:"warm"`
			Proven time.Time `json:"proven"`
		} `json:"hosts"`
	}
	if json.Unmarshal(out, &r) != nil {
		w.tb.Logf("grab status: %v %s", err, out[:min(len(out), 200)])
		return 0 // it has only begun
	}
	for _, h := range r.Hosts {
		if h.Warm == "up" && h.Proven.After(since) {
			n++
		}
	}
	return n
}

// all reports for how many of the sites from, to a step has come.
func (w *watch) all(from, to int, step func(*siteSteps) time.Time, since time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := from; i < to; i++ {
		if s := w.steps[fmt.Sprintf("s%03d", i)]; s != nil && step(s).After(since) {
			n++
		}
	}
	return n
}
