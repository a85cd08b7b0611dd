package lab

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func TestOffersExactlyTheAppliancesAlgorithms(t *testing.T) {
	e := start(t, ExpresswayConfig{})
	for _, tc := range []struct {
		kind  string
		names []string
		set   func(*ssh.Config, string)
	}{
		{"cipher", append([]string{ssh.CipherChaCha20Poly1305}, ciphers...), func(c *ssh.Config, n string) { c.Ciphers = []string{n} }},
		{"kex", append([]string{ssh.KeyExchangeCurve25519, ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDH16SHA512}, keyExchanges...), func(c *ssh.Config, n string) { c.KeyExchanges = []string{n} }},
		{"mac", append([]string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM}, macs...), func(c *ssh.Config, n string) { c.MACs, c.Ciphers = []string{n}, []string{ssh.CipherAES128CTR} }},
	} {
		for _, name := range tc.names {
			cfg := &ssh.ClientConfig{User: "root", HostKeyCallback: ssh.FixedHostKey(e.HostKey())}
			tc.set(&cfg.Config, name)
			c, err := ssh.Dial("tcp", e.Addr(), cfg)
			if err == nil {
				c.Close()
				t.Fatal("logged in without any credentials")
			}
			var common *ssh.AlgorithmNegotiationError
			offered := !errors.As(err, &common)
			want := slices.Contains(slices.Concat(ciphers, keyExchanges, macs), name)
			if offered != want {
				t.Errorf("%s %s: offered %v, want %v (%v)", tc.kind, name, offered, want, err)
			}
		}
	}
}

func TestLogins(t *testing.T) {
	l := login(t)
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	wrong, err := newLogin(other)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(answer string) ssh.AuthMethod {
		return ssh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
			return slices.Repeat([]string{answer}, len(q)), nil
		})
	}
	for name, tc := range map[string]struct {
		cfg ExpresswayConfig
		by  ssh.AuthMethod
		ok  bool
	}{
		"key":            {ExpresswayConfig{AuthorizedKey: l.Public}, ssh.PublicKeys(l.Signer), true},
		"wrong key":      {ExpresswayConfig{AuthorizedKey: l.Public}, ssh.PublicKeys(wrong.Signer), false},
		"password":       {ExpresswayConfig{Password: "s3cret"}, ssh.Password("s3cret"), true},
		"wrong password": {ExpresswayConfig{Password: "s3cret"}, ssh.Password("other"), false},
		"prompt":         {ExpresswayConfig{Password: "s3cret", KeyboardInteractive: true}, ask("s3cret"), true},
		"wrong prompt":   {ExpresswayConfig{Password: "s3cret", KeyboardInteractive: true}, ask("no"), false},
		"empty password": {ExpresswayConfig{AuthorizedKey: l.Public, KeyboardInteractive: true}, ask(""), false},
		"other user":     {ExpresswayConfig{User: "admin", Password: "s3cret"}, ssh.Password("s3cret"), false},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, tc.cfg)
			c, err := dial(e, tc.by)
			if (err == nil) != tc.ok {
				t.Fatalf("login: %v, want success %v", err, tc.ok)
			}
			if err == nil {
				c.Close()
			}
			s := e.Stats()
			if tc.ok && (s.Accepted != 1 || s.Refused != 0) || !tc.ok && (s.Accepted != 0 || s.Refused != 1) || s.Connections != 1 {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func TestSFTPHandleSurvivesRotationAndSeesTheHeldFile(t *testing.T) {
	for _, style := range []Rotation{Numbered, Dated, Gzip} {
		t.Run(string(style), func(t *testing.T) {
			l := login(t)
			e := start(t, ExpresswayConfig{AuthorizedKey: l.Public, Logs: LogConfig{Style: style, RotateKeep: 1, Odd: -1}})
			if err := e.Write(NetworkLog, time.Now(), "INFO", "first", `Detail="first"`); err != nil {
				t.Fatal(err)
			}
			c := openSFTP(t, mustDial(t, e, ssh.PublicKeys(l.Signer)))
			f, err := c.Open(e.LogDir() + "/" + NetworkLog)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want := plain(t, filepath.Join(e.Dir(), NetworkLog))
			for range 3 { // the held file is removed, too
				if err := e.Rotate(NetworkLog); err != nil {
					t.Fatal(err)
				}
				e.Write(NetworkLog, time.Now(), "INFO", "later", `Detail="something longer, written later"`)
			}
			fi, err := f.Stat()
			if err != nil || fi.Size() != int64(len(want)) {
				t.Fatalf("fstat of the held file: size %d, %v, want %d", fi.Size(), err, len(want))
			}
			got := make([]byte, len(want))
			if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("read %q, %v, want %q", got, err, want)
			}
			if e.Truth(NetworkLog)[0].GoneAt.IsZero() {
				t.Error("the first record's file is not known to be gone")
			}
			list, err := c.ReadDir(e.LogDir())
			if err != nil || len(list) != 4 {
				t.Errorf("listing: %v, %v, want the three logs and one sibling", list, err)
			}
			if err := c.Remove(e.LogDir() + "/" + NetworkLog); err == nil {
				t.Error("a file could be removed")
			}
			if _, err := c.Create(e.LogDir() + "/new"); err == nil {
				t.Error("a file could be made")
			}
		})
	}
}

func TestCommands(t *testing.T) {
	l := login(t)
	zone := time.FixedZone("EST", -5*3600)
	e := start(t, ExpresswayConfig{AuthorizedKey: l.Public, ClockOffset: time.Hour, Logs: LogConfig{Zone: zone}})
	c := mustDial(t, e, ssh.PublicKeys(l.Signer))
	run := func(cmd string) (string, error) {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		out, err := s.Output(cmd)
		return strings.TrimSpace(string(out)), err
	}
	for _, cmd := range []string{"date +%s", "date -u +%s", "date '+%s'", `date +"%s"`} {
		out, err := run(cmd)
		sec, convErr := strconv.ParseInt(out, 10, 64)
		if d := time.Until(time.Unix(sec, 0)); err != nil || convErr != nil || d < 50*time.Minute || d > 70*time.Minute {
			t.Errorf("%s: %q, %v", cmd, out, err)
		}
	}
	for cmd, layout := range map[string]string{"date": "Mon Jan _2 15:04:05 MST 2006", "date -u +%Y-%m-%dT%H:%M:%S.%3NZ": "2006-01-02T15:04:05.000Z",
		"date -Ins": "2006-01-02T15:04:05,000000000-07:00", "date +%FT%T.%N%:z": "2006-01-02T15:04:05.000000000-07:00"} {
		if out, err := run(cmd); err != nil {
			t.Errorf("%s: %v", cmd, err)
		} else if _, err := time.Parse(layout, out); err != nil {
			t.Errorf("%s: %v", cmd, err)
		}
	}
	for _, cmd := range []string{"ls /", "date; rm -rf /", "date +%s; ls", "date -s 12:00", "date $(id)", ""} {
		var exit *ssh.ExitError
		if _, err := run(cmd); !errors.As(err, &exit) || exit.ExitStatus() != 127 {
			t.Errorf("%q was not refused: %v", cmd, err)
		}
	}
	if s, err := c.NewSession(); err == nil {
		if s.Shell() == nil {
			t.Error("there is a shell")
		}
		s.Close()
	}
	if got := e.Stats().Commands; len(got) != 14 || got[0] != "date +%s" {
		t.Errorf("commands noted: %q", got)
	}
}

func TestRestrictedToSFTP(t *testing.T) {
	l := login(t)
	e := start(t, ExpresswayConfig{AuthorizedKey: l.Public, Refuses: Commands})
	c := mustDial(t, e, ssh.PublicKeys(l.Signer))
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Output("date +%s"); err != nil || len(out) != 0 {
		t.Errorf("date answered %q, %v: want an SFTP server that sees the end of its input", out, err)
	}
	if _, err := openSFTP(t, c).ReadDir(e.LogDir()); err != nil {
		t.Error(err)
	}
	no := start(t, ExpresswayConfig{AuthorizedKey: l.Public, Refuses: SFTP})
	s, err = mustDial(t, no, ssh.PublicKeys(l.Signer)).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestSubsystem("sftp"); err == nil {
		t.Error("the subsystem was not refused")
	}
}

func TestRealClientsOfDebian(t *testing.T) {
	for _, bin := range []string{"ssh", "sftp"} {
		if _, err := exec.LookPath(bin); err != nil {
			t.Fatalf("%s is missing: run `make deps`", bin)
		}
	}
	l, dir := login(t), t.TempDir()
	host, err := NewHostKey("rsa")
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, ExpresswayConfig{AuthorizedKey: l.Public, HostKey: host})
	if err := e.Write(Messages, time.Now(), "INFO", "hello", `Detail="hello"`); err != nil {
		t.Fatal(err)
	}
	known := KnownHosts(e)
	for name, b := range map[string][]byte{"key": l.PEM, "known": known} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check, err := knownhosts.New(filepath.Join(dir, "known"))
	if err != nil {
		t.Fatal(err)
	}
	if err := check(e.Addr(), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, e.HostKey()); err != nil {
		t.Errorf("known_hosts: %v", err)
	}
	addr, port, _ := net.SplitHostPort(e.Addr())
	opts := []string{"-F", "none", "-i", filepath.Join(dir, "key"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile=" + filepath.Join(dir, "known"), "-o", "ConnectTimeout=20"}
	out, err := exec.CommandContext(t.Context(), "ssh", append(opts, "-p", port, "root@"+addr, "date +%Y")...).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "20") {
		t.Errorf("ssh date: %q, %v", out, err)
	}
	to := filepath.Join(dir, "got")
	cmd := exec.CommandContext(t.Context(), "sftp", append(opts, "-P", port, "-b", "-", "root@"+addr)...)
	cmd.Stdin = strings.NewReader("get " + e.LogDir() + "/messages " + to + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sftp get: %s, %v", out, err)
	}
	if got := plain(t, to); !bytes.Equal(got, contents(t, e, Messages)) {
		t.Errorf("sftp got %q", got)
	}
}
