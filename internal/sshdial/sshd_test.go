package sshdial

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/testserver"
)

func real(s *testserver.SSHD, a Auth) Config {
	return Config{Name: "expc01", Address: s.Addr(), User: s.User, Auth: a, Timeout: hang, HostKey: ssh.FingerprintSHA256(s.HostKeys["rsa"])}
}

// failures counts what sshd holds against us.
func failures(s *testserver.SSHD) int {
	return len(regexp.MustCompile(`(?m)^Failed \S+ for|maximum authentication attempts`).FindAllString(s.Log(), -1))
}

// waitGone waits until sshd has said its last word on n logins that did not succeed.
func waitGone(s *testserver.SSHD, n int) {
	s.WaitLog("Connection closed by authenticating user", n)
}

func TestRealKeys(t *testing.T) {
	keys := map[string]testserver.Key{}
	var lines []string
	for _, typ := range []string{"rsa", "ecdsa", "ed25519"} {
		keys[typ] = testserver.NewKey(t, typ)
		lines = append(lines, testserver.AuthorizedKey(keys[typ].Public, ""))
	}
	s := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: lines})
	for typ, key := range keys {
		t.Run(typ, func(t *testing.T) {
			cl := wantLogin(t, real(s, withKey(key)))
			if out := run(t, cl, "echo hello"); out != "hello\n" {
				t.Errorf("got %q", out)
			}
			want(t, "host key type", cl.HostKeyType, ssh.KeyAlgoRSA)
			if !strings.HasPrefix(cl.Server, "SSH-2.0-OpenSSH") {
				t.Errorf("server %q", cl.Server)
			}
			cl.Close()
		})
	}
	t.Run("encrypted", func(t *testing.T) {
		pem := keys["ecdsa"].Encrypted(t, "open sesame")
		wantLogin(t, real(s, Auth{Kind: AuthKey, KeyPEM: func() (string, error) { return string(pem), nil },
			Passphrase: func() (string, error) { return "open sesame", nil }}))
	})
	t.Run("known_hosts", func(t *testing.T) {
		c := real(s, withKey(keys["rsa"]))
		c.HostKey, c.KnownHosts = "", s.KnownHosts("ecdsa")
		want(t, "type", wantLogin(t, c).HostKeyType, ssh.KeyAlgoECDSA384)
	})
	want(t, "failures", failures(s), 0)
}

func run(t *testing.T, cl *Client, cmd string) string {
	t.Helper()
	ss, err := cl.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer ss.Close()
	out, err := ss.Output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRealRefusedKey(t *testing.T) {
	s := testserver.StartSSHD(t, testserver.SSHDOptions{Extra: []string{"MaxAuthTries 2"}})
	key := testserver.NewKey(t, "rsa")
	c := real(s, withKey(key))
	c.Ledger = &Ledger{Dir: t.TempDir()}
	c.HostKey = ssh.FingerprintSHA256(s.HostKeys["ecdsa"])
	before := strings.Count(s.Log(), "Connection from")
	wantKind(t, c, KindLoginRefused)
	for range 3 {
		wantKind(t, c, KindLoginBlocked)
	}
	waitGone(s, 1)
	want(t, "failures", failures(s), 1)
	want(t, "connections", strings.Count(s.Log(), "Connection from"), before+1)

	s.SetAuthorizedKeys(testserver.AuthorizedKey(key.Public, ""))
	c.Override = true
	wantLogin(t, c)
	c.Override = false
	wantLogin(t, c)
}

func TestRealPasswords(t *testing.T) {
	for name, o := range map[string]testserver.SSHDOptions{
		"both":                 {},
		"password":             {PasswordOnly: true},
		"keyboard-interactive": {KbdOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			o.Password = "it's right"
			s := testserver.StartSSHD(t, o)
			wantLogin(t, real(s, withPassword("it's right"))).Close()
			s.WaitLog("Accepted ", 1)

			c := real(s, withPassword("wrong"))
			c.Ledger = &Ledger{Dir: t.TempDir()}
			wantKind(t, c, KindLoginRefused)
			wantKind(t, c, KindLoginBlocked)
			waitGone(s, 1)
			want(t, "failures", failures(s), 1)
			if e := wantKind(t, real(s, withKey(testserver.NewKey(t, "ecdsa"))), KindLoginRefused); len(e.Offered) == 0 {
				t.Error("does not say what is offered")
			}
		})
	}
}

func TestRealMethodNotOffered(t *testing.T) {
	s := testserver.StartSSHD(t, testserver.SSHDOptions{})
	e := wantKind(t, real(s, withPassword("right")), KindNotOffered)
	want(t, "offered", strings.Join(e.Offered, " "), "publickey")
	waitGone(s, 1)
	want(t, "failures", failures(s), 0)
}

// The line of least privilege lets SFTP in and nothing else.
func TestRealRestrictedKey(t *testing.T) {
	key := testserver.NewKey(t, "ecdsa")
	s := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, testserver.ReadOnlySFTP)}})
	cl := wantLogin(t, real(s, withKey(key)))
	ss, err := cl.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer ss.Close()
	if err := ss.RequestSubsystem("sftp"); err != nil {
		t.Error(err)
	}
}

func TestRealChangedHostKey(t *testing.T) {
	key := testserver.NewKey(t, "ecdsa")
	s := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	c := real(s, withKey(key))
	c.HostKey, c.KnownHosts = "", s.KnownHosts("rsa")
	wantLogin(t, c).Close()
	old := ssh.FingerprintSHA256(s.HostKeys["rsa"])
	s.ChangeHostKeys()
	s.Restart()
	e := wantKind(t, c, KindHostKeyChanged)
	want(t, "pinned", strings.Join(e.Want, " "), old)
	want(t, "now", strings.Join(e.Got, " "), ssh.FingerprintSHA256(s.HostKeys["rsa"]))

	c = real(s, withKey(key))
	c.HostKey = old
	e = wantKind(t, c, KindHostKeyChanged)
	want(t, "keys seen", len(e.Got), 2)
	want(t, "logins", strings.Count(s.Log(), "Accepted publickey"), 1)

	keys, err := Config{Address: s.Addr()}.ScanHostKeys(t.Context())
	if err != nil || len(keys) != 2 {
		t.Errorf("scan: %v, %v", keys, err)
	}
}

func TestRealAgent(t *testing.T) {
	key, other := testserver.NewKey(t, "rsa"), testserver.NewKey(t, "ecdsa")
	socket := startAgent(t, other, key)
	s := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	for _, name := range []string{ssh.FingerprintSHA256(key.Public), string(ssh.MarshalAuthorizedKey(key.Public))} {
		wantLogin(t, real(s, Auth{Kind: AuthAgent, Agent: name, Socket: socket})).Close()
	}
	want(t, "failures", failures(s), 0) // the other key of the agent was not shown

	e := wantKind(t, real(s, Auth{Kind: AuthAgent, Agent: anyPin, Socket: socket}), KindLocal)
	if !strings.Contains(e.Error(), ssh.FingerprintSHA256(other.Public)) {
		t.Errorf("does not say what the agent has: %v", e)
	}
	t.Setenv("SSH_AUTH_SOCK", socket)
	wantLogin(t, real(s, Auth{Kind: AuthAgent, Agent: ssh.FingerprintSHA256(key.Public)}))
}

// startAgent runs ssh-agent with keys in it until the test ends.
func startAgent(t *testing.T, keys ...testserver.Key) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	cmd := exec.Command(testserver.Need(t, "ssh-agent"), "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	add := testserver.Need(t, "ssh-add")
	for _, k := range keys {
		var out []byte
		var err error
		for deadline := time.Now().Add(hang); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			c := exec.Command(add, "-q", "-")
			c.Env = append(c.Environ(), "SSH_AUTH_SOCK="+socket)
			c.Stdin = strings.NewReader(string(k.PEM))
			if out, err = c.CombinedOutput(); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatalf("ssh-add: %v: %s", err, out)
		}
	}
	return socket
}

// A host that hangs with its connections up is noticed by its silence, and
// whoever waits on it returns; so does Close at once, without waiting for that.
func TestRealFrozen(t *testing.T) {
	key := testserver.NewKey(t, "ecdsa")
	s := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	c := real(s, withKey(key))
	c.KeepAlive = time.Hour // silence is never noticed: Close that waited for it would hang
	patient := wantLogin(t, c)
	c.KeepAlive = 200 * time.Millisecond
	cl := wantLogin(t, c)
	s.Freeze()
	defer s.Thaw()
	if _, err := cl.NewSession(); err == nil {
		t.Error("a frozen host opens a session")
	}
	<-cl.Done()
	if err := cl.Lost(); err == nil || !strings.Contains(err.Error(), "no data for 0.6 s") {
		t.Errorf("got %v", err)
	}
	patient.Close()
}

func TestRealRestart(t *testing.T) {
	key := testserver.NewKey(t, "ecdsa")
	s := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	c := real(s, withKey(key))
	cl := wantLogin(t, c)
	s.Stop()
	<-cl.Done()
	if cl.Lost() == nil {
		t.Error("not lost")
	}
	wantKind(t, c, KindRefused)
	s.Restart()
	cl = wantLogin(t, c)
	s.DropSessions()
	<-cl.Done()
	want(t, "still listening", run(t, wantLogin(t, c), "echo 1"), fmt.Sprintln(1))
}
