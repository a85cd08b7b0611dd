//go:build linux

package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
)

// What can be set by the environment.
var (
	size      = bytesOf("GRAB_BENCH_SIZE", 512<<20)         // of one family
	rotations = int(bytesOf("GRAB_BENCH_ROTATIONS", 100))   // of each style
	trips     = durationsOf("GRAB_BENCH_TRIPS", 0, 30, 100) // round trips, ms
)

const (
	span     = 10 * time.Hour // of the logs
	siblings = 16             // files of a family
)

func bytesOf(name string, usual int64) int64 {
	s := os.Getenv(name)
	if s == "" {
		return usual
	}
	unit := int64(1)
	for suffix, u := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if t, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = t, u
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		panic(fmt.Sprintf("%s: %q is no size", name, s))
	}
	return n * unit
}

func durationsOf(name string, usual ...int) (out []time.Duration) {
	if s := os.Getenv(name); s != "" {
		usual = nil
		for _, f := range strings.Split(s, ",") {
			n, err := strconv.Atoi(f)
			if err != nil {
				panic(fmt.Sprintf("%s: %q is no number of milliseconds", name, f))
			}
			usual = append(usual, n)
		}
	}
	for _, ms := range usual {
		out = append(out, time.Duration(ms)*time.Millisecond)
	}
	return out
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// A rig is servers behind proxies, and all that clients need to reach them.
type rig struct {
	tb      testing.TB
	dir     string
	grab    string // the program
	key     testserver.Key
	proxies []*testserver.Proxy
	sshd    []*testserver.SSHD
	runs    int
}

// newRig starts servers and builds the program.
func newRig(tb testing.TB, hosts int) *rig {
	clock(tb)
	r := &rig{tb: tb, dir: tb.TempDir(), key: testserver.NewKey(tb, "ecdsa")}
	r.grab = r.path("grab")
	out, err := exec.Command("go", "build", "-trimpath", "-o", r.grab, "rtmtgrab/cmd/grab").CombinedOutput()
	if err != nil {
		tb.Fatalf("build grab: %v\n%s", err, out)
	}
	r.write("key", string(r.key.PEM))
	var conf, known strings.Builder
	for i := range hosts {
		d := testserver.StartSSHD(tb, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(r.key.Public, "")}})
		p, err := testserver.Start(d.Addr(), 0)
		must(tb, err)
		tb.Cleanup(func() { p.Close() })
		r.sshd, r.proxies = append(r.sshd, d), append(r.proxies, p)
		_, port, _ := strings.Cut(p.Addr(), ":")
		fmt.Fprintf(&conf, "Host h%d\n  HostName 127.0.0.1\n  Port %s\n  User %s\n  HostKeyAlias h%d\n  IdentityFile %s\n  UserKnownHostsFile %s\n"+
			"  IdentitiesOnly yes\n  BatchMode yes\n  LogLevel ERROR\n", i, port, d.User, i, r.path("key"), r.path("known_hosts"))
		b, err := os.ReadFile(d.KnownHosts())
		must(tb, err)
		for line := range strings.Lines(string(b)) {
			_, keys, _ := strings.Cut(line, " ")
			fmt.Fprintf(&known, "h%d %s", i, keys)
			fmt.Fprintf(&known, "[127.0.0.1]:%s %s", port, keys)
		}
	}
	r.write("ssh_config", conf.String())
	r.write("known_hosts", known.String())
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) write(name, text string) {
	r.tb.Helper()
	must(r.tb, os.WriteFile(r.path(name), []byte(text), 0o600))
}

func (r *rig) setRoundTrip(d time.Duration) {
	for _, p := range r.proxies {
		p.SetRoundTrip(d)
	}
}

func (r *rig) carried() (n int64) {
	for _, p := range r.proxies {
		n += p.Carried()
	}
	return n
}

// fresh is a new empty folder; whoever fills it removes it.
func (r *rig) fresh() string {
	r.tb.Helper()
	r.runs++
	dir := r.path(fmt.Sprintf("run-%d", r.runs))
	must(r.tb, os.Mkdir(dir, 0o700))
	return dir
}

// writeFamily writes a log of n bytes that ends at end, in so many files, the
// newest under the bare name.
func writeFamily(tb testing.TB, dir, family string, n int64, files int, end time.Time) {
	tb.Helper()
	for i := range files {
		until := end.Add(-span * time.Duration(i) / time.Duration(files))
		name := filepath.Join(dir, family)
		if i > 0 {
			name += "." + strconv.Itoa(i)
		}
		f, err := os.Create(name)
		must(tb, err)
		_, err = lab.WriteLog(f, lab.BulkOptions{Family: family, Since: until.Add(-span / time.Duration(files)), Until: until, Size: n / int64(files),
			Log: lab.LogConfig{Seed: uint64(i + 1)}})
		must(tb, err)
		must(tb, f.Close())
		must(tb, os.Chtimes(name, until, until))
	}
}

// measured is what one program took.
type measured struct {
	what       string
	time       time.Duration
	bytes      int64         // that came from the servers
	cpu        time.Duration // of the program and its children
	rss        int64         // the most that the program itself had in memory
	rose       []rise        // how it came to that
	held, seal time.Duration // of grab: from its start
}

// start runs a program to its end.
func (r *rig) start(what string, out io.Writer, name string, args ...string) measured {
	r.tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdout = out
	var words strings.Builder
	cmd.Stderr = &words
	cmd.Dir = r.dir
	before, began := r.carried(), time.Now()
	m := measured{what: what}
	err := cmd.Start()
	if err == nil {
		watched := m.watch(cmd.Process.Pid)
		err = cmd.Wait()
		watched()
	}
	if err != nil {
		r.tb.Errorf("%s: %v\n%s", what, err, words.String())
		return m
	}
	m.time, m.bytes, m.cpu = time.Since(began), r.carried()-before, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	return m
}

// linkQuarter makes a folder of every fourth file of another.
func linkQuarter(tb testing.TB, from, to string) {
	tb.Helper()
	names, err := filepath.Glob(from + "/*")
	must(tb, err)
	for i, n := range names {
		if i%4 == 0 {
			must(tb, os.Link(n, filepath.Join(to, filepath.Base(n))))
		}
	}
}
