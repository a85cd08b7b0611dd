package testserver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSHDOptions say what an OpenSSH server offers. The zero value has an RSA and
// an ECDSA host key, SFTP and no way to log in.
type SSHDOptions struct {
	HostKeys       []string // of rsa, ecdsa, ed25519; nil: rsa, ecdsa
	AuthorizedKeys []string // lines of authorized_keys; see AuthorizedKey
	Password       string   // of the user who runs the test; empty: no passwords. Needs root, see sshd_pam.go
	KbdOnly        bool     // passwords by keyboard-interactive alone
	PasswordOnly   bool     // passwords by "password" alone; neither: both
	NoSFTP         bool     // the subsystem is refused
	MaxSessions    int      // zero: 10, OpenSSH's default
	Extra          []string // further lines of sshd_config; they come first, so they win
}

// An SSHD is a running OpenSSH server that offers exactly the algorithms of an
// Expressway of X15.5 (docs/expressway-ssh.md).
type SSHD struct {
	User     string                   // who may log in: the user who runs the test
	HostKeys map[string]ssh.PublicKey // by the names of SSHDOptions.HostKeys
	Dir      string                   // of the server's own files

	tb     testing.TB
	binary string // absolute: sshd starts itself again for every connection
	addr   string
	cmd    *exec.Cmd
	done   chan struct{}
}

const expresswayAlgorithms = `
Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr
KexAlgorithms ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1
MACs hmac-sha2-512,hmac-sha2-256,hmac-sha1
`

// StartSSHD starts a server on a free loopback port; it ends with the test. When
// it returns, the server answers.
func StartSSHD(tb testing.TB, o SSHDOptions) *SSHD {
	tb.Helper()
	noShort(tb)
	who, err := user.Current()
	must(tb, err)
	s := &SSHD{tb: tb, binary: Need(tb, "sshd"), Dir: tb.TempDir(), User: who.Username,
		addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(tb)))}
	if os.Geteuid() == 0 {
		must(tb, os.MkdirAll("/run/sshd", 0o755)) // sshd's privilege separation asks for it
	}
	if o.Password != "" {
		s.preparePAM(o.Password)
	}
	types := o.HostKeys
	if types == nil {
		types = []string{"rsa", "ecdsa"}
	}
	s.HostKeys = map[string]ssh.PublicKey{}
	for _, t := range types {
		s.newHostKey(t)
	}
	s.SetAuthorizedKeys(o.AuthorizedKeys...)
	s.write("sshd_config", s.config(o, types))
	s.start()
	tb.Cleanup(s.Stop)
	ShowLog(tb, s.path("sshd.log"))
	return s
}

func (s *SSHD) config(o SSHDOptions, types []string) string {
	var b strings.Builder
	_, port, _ := net.SplitHostPort(s.addr)
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	for _, l := range o.Extra {
		line("%s", l)
	}
	line("ListenAddress 127.0.0.1\nPort %s\nPidFile none\nLogLevel VERBOSE\nStrictModes no\nUseDNS no\nPrintMotd no\nPermitUserRC no", port)
	line("SetEnv HOME=%s", s.Dir) // what this user's shell does at a login is none of a test's business
	line("MaxStartups 200\nLoginGraceTime 60\nPermitRootLogin yes\nAuthorizedKeysFile %s", s.path("authorized_keys"))
	b.WriteString(expresswayAlgorithms)
	for _, t := range types {
		line("HostKey %s", s.path("host_"+t))
	}
	line("UsePAM %s", yes(o.Password != ""))
	line("PasswordAuthentication %s", yes(o.Password != "" && !o.KbdOnly))
	line("KbdInteractiveAuthentication %s", yes(o.Password != "" && !o.PasswordOnly))
	if o.MaxSessions > 0 {
		line("MaxSessions %d", o.MaxSessions)
	}
	if !o.NoSFTP {
		line("Subsystem sftp internal-sftp")
	}
	return b.String()
}

func (s *SSHD) newHostKey(typ string) {
	key := hostKey(s.tb, typ)
	s.write("host_"+typ, string(key.PEM))
	s.HostKeys[typ] = key.Public
}

// ChangeHostKeys gives the server new host keys, as a factory reset does; they
// are used from the next Restart on.
func (s *SSHD) ChangeHostKeys() {
	s.tb.Helper()
	for typ := range s.HostKeys {
		s.newHostKey(typ)
	}
}

// SetAuthorizedKeys replaces the keys that may log in, at once.
func (s *SSHD) SetAuthorizedKeys(lines ...string) {
	s.tb.Helper()
	s.write("authorized_keys", strings.Join(lines, "\n")+"\n")
}

// Addr is the server's host:port.
func (s *SSHD) Addr() string { return s.addr }

// KnownHosts writes a known_hosts file with the server's keys of the given types
// (none given: all) and returns its path.
func (s *SSHD) KnownHosts(types ...string) string {
	s.tb.Helper()
	var lines []string
	for typ, key := range s.HostKeys {
		if len(types) == 0 || slices.Contains(types, typ) {
			lines = append(lines, knownhosts.Line([]string{knownhosts.Normalize(s.addr)}, key))
		}
	}
	name := filepath.Join(s.tb.TempDir(), "known_hosts")
	must(s.tb, os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return name
}

// Log is what the server has logged so far, at LogLevel VERBOSE.
func (s *SSHD) Log() string {
	b, err := os.ReadFile(s.path("sshd.log"))
	must(s.tb, err)
	return string(b)
}

// WaitLog waits until the log holds text at least n times: the server writes it
// a little after its client has moved on.
func (s *SSHD) WaitLog(text string, n int) {
	s.tb.Helper()
	for deadline := time.Now().Add(patience); strings.Count(s.Log(), text) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.tb.Fatalf("sshd has not logged %q %d times:\n%s", text, n, s.Log())
		}
	}
}

// Restart ends the server with all its connections and starts it again on the same port.
func (s *SSHD) Restart() {
	s.tb.Helper()
	s.Stop()
	s.start()
}

// Stop ends the server and every connection of it at once. Stopping twice is harmless.
func (s *SSHD) Stop() {
	if s.cmd == nil {
		return
	}
	for _, pid := range append([]int{s.cmd.Process.Pid}, descendants(s.cmd.Process.Pid)...) {
		if p, err := os.FindProcess(pid); err == nil {
			p.Kill()
		}
	}
	<-s.done
	s.cmd = nil
}

// DropSessions ends all connections; the server goes on accepting new ones.
func (s *SSHD) DropSessions() { s.signalSessions("KILL") }

// Freeze stops the processes of all connections, as a machine does that hangs:
// the connections stay up and silent until Thaw.
func (s *SSHD) Freeze() { s.signalSessions("STOP") }

// Thaw undoes Freeze.
func (s *SSHD) Thaw() { s.signalSessions("CONT") }

// KillChannels kills the processes that serve SFTP and leaves the connections up, and
// returns how many there were.
func (s *SSHD) KillChannels() (n int) {
	s.tb.Helper()
	for _, pid := range descendants(s.cmd.Process.Pid) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if bytes.Contains(line, []byte("internal-sftp")) && exec.Command("/bin/kill", "-KILL", strconv.Itoa(pid)).Run() == nil {
			n++
		}
	}
	return n
}

func (s *SSHD) signalSessions(signal string) {
	s.tb.Helper()
	for _, pid := range descendants(s.cmd.Process.Pid) {
		// One of them may have ended by itself in between.
		exec.Command("/bin/kill", "-"+signal, strconv.Itoa(pid)).Run()
	}
}

func (s *SSHD) start() {
	s.tb.Helper()
	log, err := os.OpenFile(s.path("sshd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.tb, err)
	defer log.Close()
	cmd := exec.Command(s.binary, "-D", "-e", "-f", s.path("sshd_config"))
	cmd.Stdout, cmd.Stderr = log, log
	must(s.tb, cmd.Start())
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	s.cmd, s.done = cmd, done
	if err := s.waitBanner(); err != nil {
		s.Stop()
		s.tb.Fatalf("sshd does not answer on %s: %v\n%s", s.addr, err, Tail(s.path("sshd.log")))
	}
}

// waitBanner waits until the server greets: a port alone may be someone else's.
func (s *SSHD) waitBanner() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := greets(ctx, s.addr)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("it has ended: %w", err)
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func greets(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	b := make([]byte, len("SSH-2.0-OpenSSH"))
	if n, err := conn.Read(b); err != nil || !bytes.HasPrefix(b[:n], []byte("SSH-2.0-")) {
		return fmt.Errorf("greeting %q: %v", b[:n], err)
	}
	return nil
}

func (s *SSHD) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *SSHD) write(name, text string) {
	s.tb.Helper()
	must(s.tb, os.WriteFile(s.path(name), []byte(text), 0o600))
}

// descendants are the processes below pid, by /proc; none where that is missing.
func descendants(pid int) []int {
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	children := map[int][]int{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has just ended
		}
		_, rest, ok := bytes.Cut(b[max(0, bytes.LastIndexByte(b, ')')):], []byte(" "))
		f := bytes.Fields(rest)
		if !ok || len(f) < 2 {
			continue
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, _ := strconv.Atoi(string(f[1]))
		children[parent] = append(children[parent], child)
	}
	var all []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		all = append(all, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return all
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
