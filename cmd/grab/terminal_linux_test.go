package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/terminal"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// typing is a real terminal on which somebody types the lines.
func typing(t testing.TB, lines ...string) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	for _, l := range append(lines, "\x04") { // and then ends the input
		if !strings.HasSuffix(l, "\x04") {
			l += "\n"
		}
		if _, err := master.WriteString(l); err != nil {
			t.Fatal(err)
		}
	}
	return tty
}

func TestTrustOnATerminal(t *testing.T) {
	d := testserver.StartSSHD(t, testserver.SSHDOptions{})
	rsa, ecdsa := ssh.FingerprintSHA256(d.HostKeys["rsa"]), ssh.FingerprintSHA256(d.HostKeys["ecdsa"])
	for _, tt := range []struct {
		typed  []string
		code   int
		pinned []string
	}{
		{[]string{"yes"}, 0, []string{ecdsa}},
		{[]string{"no"}, 1, nil},
		{[]string{""}, 1, nil},
		{[]string{"maybe"}, 1, nil},
		{nil, 1, nil},
		{[]string{rsa}, 0, []string{rsa}},
		{[]string{"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}, 1, nil},
		{[]string{"SHA256:short"}, 1, nil},
	} {
		c := &labConfig{&testsite.Site{T: t, Dir: t.TempDir(), Login: &lab.Login{}, Window: "{before: 1s, after: 1s}", Known: []byte("# empty\n")}}
		c.Hosts = "      - {name: expc01, address: \"" + d.Addr() + "\"}\n"
		c.Write()
		r := runGrabIn(typing(t, tt.typed...), "-c", c.Path, "trust")
		if r.code != tt.code || !strings.Contains(r.err, "Compare it on the peer's console") || !strings.Contains(r.out, rsa) {
			t.Errorf("%v: %s", tt.typed, r)
		}
		keys, err := setup.PinnedKeys(filepath.Join(c.Dir, "known_hosts"), d.Addr())
		if got := setup.Fingerprints(keys); err != nil || !slices.Equal(got, tt.pinned) {
			t.Errorf("%v: pinned %v, want %v", tt.typed, got, tt.pinned)
		}
	}
}

// The first Ctrl-C ends a question that nobody answers.
func TestAskInterrupted(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	interrupted := make(chan struct{})
	close(interrupted)
	q := &terminal.Asker{In: bufio.NewReader(read), Out: io.Discard, Interrupted: interrupted}
	if line, ok := q.Ask("really?"); ok || line != "" {
		t.Errorf("%q %v", line, ok)
	}
}

// Questions and answers make a configuration, pins and a check.
func TestInitOnATerminal(t *testing.T) {
	c := newLab(t, two()...).withMail()
	path := filepath.Join(c.Dir, "new", "grab.yaml")
	r := runGrabIn(typing(t, filepath.Join(c.Dir, "store2"), c.Mail.Addr(), "", filepath.Join(c.Dir, "ca.pem"), c.Mail.User, "hunter2", "", "", filepath.Join(c.Dir, "imap.secret"), "",
		"", "America/New_York", "StandAloneCluster, other", "", filepath.Join(c.Dir, "id"),
		"nonsense", "expc01,c,"+c.Peers[0].Addr(), "yes", "expe01,E,"+c.Peers[1].Addr(), "yes", "", "yes"), "-c", path, "init", "--logs-dir", c.Peers[0].Dir())
	// expe01's logs lie elsewhere, but one process serves both
	if r.code != 0 || !strings.Contains(r.err, "nonsense") || !strings.Contains(r.err, "answer 1, 2 or 3") || strings.Contains(r.err, "hunter2") || !strings.Contains(r.err, "written: "+path) || !strings.Contains(r.out, "mailbox") {
		t.Fatal(r)
	}
	for _, e := range c.Peers {
		if s := e.Stats(); s.Accepted != 1 || s.Refused != 0 {
			t.Errorf("%s: more than one login: %+v", e.Name(), s)
		}
	}
	cfg := loadConfig(t, path)
	if s := cfg.Sites[0]; s.Name != "hq" || !slices.Equal(s.Clusters, []string{"StandAloneCluster", "other"}) || len(s.Hosts) != 2 || s.Hosts[0].Role != "C" || s.Zone().String() != "America/New_York" {
		t.Errorf("%+v", s)
	}
	if m := cfg.Mails; len(m) != 1 || m[0].User != c.Mail.User || len(m[0].Mailboxes) != 1 || m[0].Mailboxes[0] != "INBOX" {
		t.Errorf("%+v", m)
	}
	// the input ends in the middle: nothing is written
	path = filepath.Join(c.Dir, "half.yaml")
	if r := runGrabIn(typing(t, "", ""), "-c", path, "init"); r.code != 1 || !strings.Contains(r.err, "nothing was written") {
		t.Error(r)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// The questions lead to OAuth2 where the server's name says so, and to every grant.
func TestInitAsksForOAuth(t *testing.T) {
	c := newLab(t)
	secret, known := c.File("s", "hidden\n"), c.File("kh", "# empty\n")
	rest := []string{"", "", "UTC", "", "", filepath.Join(c.Dir, "id"), "a,C,127.0.0.1:9", "", ""}
	for i, tt := range []struct {
		typed []string
		want  string
	}{
		{[]string{"outlook.office365.com", "", "", "u@x", "", "", "example.com", "app", secret}, "provider: \"microsoft\"\n    tenant: \"example.com\""},
		{[]string{"outlook.office365.com", "", "", "u@x", "", "t", "app", "", secret}, "certificate: {file: \"" + secret},
		{[]string{"imap.gmail.com", "", "", "u@x", "", secret}, "service_account: {file: \"" + secret},
		{[]string{"imap.gmail.com", "", "", "u@x", "google", "", "app", secret, secret}, "refresh_token: {file: \"" + secret},
		{[]string{"imap.example.com", "", "", "u@x", "2", "t", "app", secret}, "client_secret: {file: \"" + secret},
	} {
		path := filepath.Join(c.Dir, fmt.Sprint(i, ".yaml"))
		r := runGrabIn(typing(t, append(append([]string{filepath.Join(c.Dir, "store")}, tt.typed...), rest...)...), "-c", path, "init", "--no-check", "--known-hosts", known)
		text := c.Read(filepath.Base(path))
		if !strings.Contains(text, tt.want) || strings.Contains(text, "hidden") {
			t.Errorf("%d: no %q in\n%s\n%s", i, tt.want, text, r)
		}
		if r := runGrab("-c", path, "check", "--offline"); r.code != 0 {
			t.Errorf("%d: %s", i, r)
		}
	}
}
