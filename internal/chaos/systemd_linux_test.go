package chaos

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testsite"
)

//go:embed testdata/boot.sh
var bootScript string

// TestSystemd: the service as configs/grab.service has it, every line of it in force, under
// a systemd that is process 1. An analysis for which the service's memory does not suffice
// is ended by the kernel, alone: the collector goes on, the incident is sealed complete
// without a report, and a retry adds it. `make systemd-proof` runs it.
func TestSystemd(t *testing.T) {
	if os.Getenv("GRAB_SYSTEMD") == "" {
		t.Skip("make systemd-proof runs it: it boots a systemd, as root")
	}
	s := bootSystemd(t)
	strangers, _ := strconv.Atoi(os.Getenv("GRAB_SYSTEMD_DEVICES"))
	if strangers == 0 {
		strangers = 150_000
	}
	flood(t, s.site.Peers[0], s.began, strangers)
	s.run("systemd-sysusers", "rtmtgrab.conf")
	s.run("systemd-tmpfiles", "--create", "rtmtgrab.conf")
	s.systemctl("start", "grab")
	pid := s.show("MainPID")
	t.Logf("in force: memory %s, out of memory: %s, system calls filtered: %s, user %s", s.show("MemoryMax"), s.show("OOMPolicy"), s.status(s.hostPID(), "Seccomp"), s.show("UID"))
	for field, want := range map[string]string{"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0000000000000000"} {
		if got := s.status(s.hostPID(), field); got != want {
			t.Errorf("%s of the collector is %s, want %s", field, got, want)
		}
	}

	whole, child := s.grab("now", "--json", "--before", "9m")
	if whole.Coverage != evidence.Complete || whole.Registration == nil || whole.NoReport != "" {
		t.Fatalf("with the unit's memory: %s %+v, no report: %q, notes %q", whole.Coverage, whole.Hosts, whole.NoReport, whole.Notes)
	}
	if child.score != "1000" || child.seccomp != "2" {
		t.Errorf("the analysis had oom_score_adj %s and filter %s", child.score, child.seccomp)
	}
	t.Logf("%d MiB of %d devices: a report; the analysis had %d MiB at most, oom_score_adj %s", whole.Hosts[0].Files[0].Bytes>>20, strangers, child.peak>>20, child.score)

	killed := s.kills()
	s.onReport = func() {
		out, err := exec.Command("nsenter", s.enter("systemctl", "set-property", "--runtime", "grab.service", fmt.Sprintf("MemoryMax=%d", s.resident()+reportHas))...).CombinedOutput()
		if err != nil {
			t.Errorf("take the service's memory away: %v: %s", err, out)
		}
	}
	poor, _ := s.grab("now", "--json", "--before", "9m")
	if poor.Coverage != evidence.Complete || poor.Registration != nil || !strings.Contains(poor.NoReport, "signal: killed") {
		t.Fatalf("with too little memory: %s, no report: %q, notes %q", poor.Coverage, poor.NoReport, poor.Notes)
	}
	if n := s.kills() - killed; n < 1 {
		t.Errorf("the kernel ended %d processes of the service for want of memory", n)
	}
	s.onReport = nil
	s.systemctl("set-property", "--runtime", "grab.service", "MemoryMax=2G")
	mended, _ := s.grab("retry", "--json", poor.Incident)
	if mended.Revision != 2 || mended.NoReport != "" || mended.Registration == nil || mended.Coverage != evidence.Complete {
		t.Errorf("the retry: revision %d, %s, no report: %q", mended.Revision, mended.Coverage, mended.NoReport)
	}
	if now := s.show("MainPID"); now != pid || s.show("NRestarts") != "0" || s.show("ActiveState") != "active" {
		t.Errorf("the collector is process %s, was %s; %s restarts, %s", now, pid, s.show("NRestarts"), s.show("ActiveState"))
	}
	t.Logf("%d ended by the kernel; the same collector since, %d MiB resident; %q, then revision %d with its report", s.kills()-killed, s.resident()>>20, poor.NoReport, mended.Revision)
}

// booted is a systemd with the service in it.
type booted struct {
	t    *testing.T
	site *testsite.Site
	init int // systemd's process, by the machine's count

	began    time.Time // of the live logs
	onReport func()    // called once in a grab, when a report needs memory; nil: nothing is
}

// reportHas is how much memory a process that makes a report has in its midst, and one that
// looks over records never.
const reportHas = 40 << 20

// mayBoot skips a test where no systemd can be booted.
func mayBoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it needs root: sudo make systemd-proof")
	}
	for _, name := range []string{"/lib/systemd/systemd", "unshare", "nsenter"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%v: apt-get install systemd util-linux", err)
		}
	}
}

// bootSystemd starts a systemd that has the program, the unit and a configuration.
func bootSystemd(t *testing.T) *booted {
	mayBoot(t)
	s := &booted{t: t, began: time.Now().UTC().Add(-2 * time.Minute), site: testsite.New(t, lab.ExpresswayConfig{Name: "expe01", Role: "E", Logs: lab.LogConfig{Rate: 50}})}
	s.site.StartMail()
	top := t.TempDir()
	s.files(filepath.Join(top, "files"))
	s.boot(top)
	return s
}

// boot starts a systemd on the machine's files and those of top/files.
func (s *booted) boot(top string) {
	t := s.t
	t.Helper()
	if err := os.Mkdir(filepath.Join(top, "root"), 0o700); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(top, "boot.sh")
	if err := os.WriteFile(script, []byte(bootScript), 0o700); err != nil {
		t.Fatal(err)
	}
	var said testsite.SafeBuffer
	cmd := exec.Command("sh", script, top)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		if s.init > 0 {
			syscall.Kill(s.init, syscall.SIGKILL)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	testsite.Until(t, "systemd to run", func() bool {
		select {
		case <-ended:
			t.Skipf("systemd cannot be booted in namespaces here: %s", said.String())
		default:
		}
		s.init = systemdBelow(cmd.Process.Pid)
		return s.init > 0 && exec.Command("nsenter", s.enter("systemctl", "is-active", "basic.target")...).Run() == nil
	})
}

// files are what the service needs, as an administrator lays it out.
func (s *booted) files(dir string) {
	s.t.Helper()
	put := func(name, text string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			s.t.Fatal(err)
		}
	}
	for name, place := range map[string]string{"grab.service": "etc/systemd/system/grab.service", "grab.sysusers": "usr/lib/sysusers.d/rtmtgrab.conf", "grab.tmpfiles": "usr/lib/tmpfiles.d/rtmtgrab.conf"} {
		text, err := os.ReadFile("../../configs/" + name)
		if err != nil {
			s.t.Fatal(err)
		}
		put(place, string(text), 0o644)
	}
	const given = "/run/credentials/grab.service/grab_"
	config := strings.NewReplacer("store: store", "store: /var/lib/grab", "{file: imap.secret}", "{file: "+given+"imap.secret}", "{file: id}", "{file: "+given+"id_ecdsa}", `"}}`, `", families: [network_log]}}`).Replace(s.site.Read("grab.yaml"))
	put("etc/grab/grab.yaml", config, 0o644)
	put("etc/grab/ca.pem", s.site.Read("ca.pem"), 0o644)
	put("etc/grab/known_hosts", s.site.Read("known_hosts"), 0o644)
	put("etc/grab-credentials/imap.secret", s.site.Read("imap.secret"), 0o600)
	put("etc/grab-credentials/id_ecdsa", s.site.Read("id"), 0o600)
	program := filepath.Join(dir, "usr/bin/grab")
	build := exec.Command("go", "build", "-o", program, "rtmtgrab/cmd/grab")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if built := os.Getenv("GRAB_SYSTEMD_PROGRAM"); built != "" {
		build = exec.Command("install", "-D", built, program)
	}
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("build grab: %v\n%s", err, out)
	}
}

// enter are nsenter's arguments for a command inside.
func (s *booted) enter(args ...string) []string {
	return append([]string{"-t", strconv.Itoa(s.init), "-m", "-p", "-C", "-i", "-u", "--", "env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, args...)
}

// run runs a command inside and returns what it printed.
func (s *booted) run(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nsenter", s.enter(args...)...).CombinedOutput()
	if err != nil {
		log, _ := exec.CommandContext(ctx, "nsenter", s.enter("journalctl", "--no-pager", "-n", "50")...).CombinedOutput()
		s.t.Fatalf("%q: %v\n%s\n%s", args, err, out, log)
	}
	return strings.TrimSpace(string(out))
}

func (s *booted) systemctl(args ...string) string {
	s.t.Helper()
	return s.run(append([]string{"systemctl"}, args...)...)
}

func (s *booted) show(property string) string {
	s.t.Helper()
	return s.systemctl("show", "--value", "-p", property, "grab")
}

// An analyst is what was seen of a process that analyses.
type analyst struct {
	score, seccomp string
	peak           int64
}

// grab runs a command as root, which the service carries out, and looks at the processes
// that make the report meanwhile.
func (s *booted) grab(args ...string) (m evidence.Manifest, seen analyst) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", s.enter(slices.Concat([]string{"grab"}, args[:1], []string{"-c", "/etc/grab/grab.yaml"}, args[1:])...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	main, done := s.hostPID(), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		told := s.onReport == nil
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
			if !told && seen.peak > reportHas {
				told = true
				s.onReport()
			}
			for _, child := range childrenOf(main) {
				line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
				score, _ := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", child))
				peak, _ := strconv.ParseInt(strings.TrimSuffix(s.status(child, "VmHWM"), " kB"), 10, 64)
				if bytes.Contains(line, []byte(analysis.Command)) && peak<<10 > seen.peak && len(score) > 0 {
					seen = analyst{strings.TrimSpace(string(score)), s.status(child, "Seccomp"), peak << 10}
				}
			}
		}
	})
	err := cmd.Run()
	close(done)
	wg.Wait()
	if json.Unmarshal(out.Bytes(), &m) != nil || m.Incident == "" {
		s.t.Fatalf("grab %q: %v\n%s%s", args, err, &out, &said)
	}
	return m, seen
}

// hostPID is the collector's process by the machine's count.
func (s *booted) hostPID() int {
	for _, pid := range childrenOf(s.init) {
		if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.HasPrefix(line, []byte("/usr/bin/grab\x00watch")) {
			return pid
		}
	}
	s.t.Fatal("the collector does not run")
	return 0
}

func (s *booted) resident() int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(s.status(s.hostPID(), "VmRSS"), " kB"), 10, 64)
	return kib << 10
}

// status is a field of what the kernel says of a process.
func (s *booted) status(pid int, field string) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// kills is how many processes of the service the kernel ended for want of memory.
func (s *booted) kills() (n int) {
	s.t.Helper()
	out, err := exec.Command("nsenter", s.enter("sh", "-c", "cd /sys/fs/cgroup; cat memory/system.slice/grab.service/memory.oom_control system.slice/grab.service/memory.events 2>/dev/null; true")...).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ = strconv.Atoi(strings.TrimSpace(v))
			return n
		}
	}
	s.t.Fatalf("the kernel does not count what it ends: %q", out)
	return 0
}

// systemdBelow is the systemd that a process has started; 0: not yet.
func systemdBelow(pid int) int {
	for _, child := range childrenOf(pid) {
		if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child)); bytes.HasPrefix(line, []byte("/lib/systemd/systemd\x00")) {
			return child
		}
		if found := systemdBelow(child); found > 0 {
			return found
		}
	}
	return 0
}

func childrenOf(pid int) (all []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range lists {
		b, _ := os.ReadFile(name)
		for _, f := range strings.Fields(string(b)) {
			child, _ := strconv.Atoi(f)
			all = append(all, child)
		}
	}
	return all
}

// flood writes the rotated log of an Expressway-E at which so many strangers' devices
// register, once each, up to where its live log begins.
func flood(t *testing.T, e *lab.Expressway, until time.Time, devices int) {
	t.Helper()
	path := filepath.Join(e.LogDir(), "network_log.1")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	step := 9 * time.Minute / time.Duration(devices)
	for i := range devices {
		at := until.Add(-step * time.Duration(devices-i))
		head := fmt.Sprintf(`%s expe01 tvcs: UTCTime="%s" Module="network.sip" Level="%%s":  Action="Received" Local-ip="10.0.40.5" Local-port="5061" Dst-ip="203.0.113.9" Dst-port="40000" `,
			at.Format("2006-01-02T15:04:05.000-07:00"), at.Format("2006-01-02 15:04:05,000"))
		fmt.Fprintf(w, head+`Detail="Receive Request Method=REGISTER, CSeq=101, To=sip:%d@cucm01.example.com, Call-ID=bad%d@203.0.113.9, From-Tag=a, To-Tag=, Msg-Hash=%d"`+"\n", "INFO", 100000+i, i, i)
		fmt.Fprintf(w, head+`Msg-Hash="%d"`+"\n SIPMSG:\n |REGISTER sip:cucm01.example.com SIP/2.0\n Via: SIP/2.0/TLS 203.0.113.9:40000;branch=z9hG4bK%d\n Call-ID: bad%d@203.0.113.9\n CSeq: 101 REGISTER\n To: <sip:%d@cucm01.example.com>\n", "DEBUG", i, i, i, 100000+i)
		fmt.Fprintf(w, " Contact: <sip:u@203.0.113.9:5061;transport=tls>;+u.sip!devicename.ccm.cisco.com=\"SEPBAD%09X\";+u.sip!model.ccm.cisco.com=\"36217\"\n User-Agent: Cisco-CP8845/14.2.1\n Supported: replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,X-cisco-callinfo,X-cisco-serviceuri\n Max-Forwards: 70\n Reason: SIP;cause=200;text=\"cisco-alarm:25 Name=stranger Load=sip8845 Last=initialized\"\n Expires: 3600\n Content-Length: 0\n \n |\n \n", i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, until, until); err != nil {
		t.Fatal(err)
	}
}
