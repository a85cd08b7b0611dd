package sshdial

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/testserver"
)

// old is a server that knows SHA-1 alone.
func old(t *testing.T, key testserver.Key, kex string) *fake {
	return (&fake{KeyLogin: true, Key: key.Public, HostKeys: []testserver.Key{testserver.NewKey(t, "rsa")}, Sign: []string{ssh.KeyAlgoRSA}, Configure: func(c *ssh.ServerConfig) {
		c.KeyExchanges, c.Ciphers, c.MACs = []string{kex}, []string{ssh.CipherAES128CTR}, []string{ssh.HMACSHA1}
		c.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA}
	}}).start(t)
}

func TestLegacy(t *testing.T) {
	key := testserver.NewKey(t, "rsa")
	for _, kex := range []string{ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDH1SHA1} {
		f := old(t, key, kex)
		c := f.conf(withKey(key))
		wantKind(t, c, KindNoCommon)
		want(t, "logins", f.none.Load(), 0)
		c.Legacy = true
		all := []string{kex + " (key exchange)", "ssh-rsa (host key)", "hmac-sha1 (mac)", "ssh-rsa (login)"}
		if cl := wantLogin(t, c); !slices.Equal(cl.Legacy, all) {
			t.Errorf("by fingerprint: %q", cl.Legacy)
		}
		c.KnownHosts, c.HostKey = knownHosts(t, line(f.Addr, f.HostKeys[0])), ""
		if cl := wantLogin(t, c); !slices.Equal(cl.Legacy, all) {
			t.Errorf("by known_hosts: %q", cl.Legacy)
		}
		if keys, err := c.ScanHostKeys(t.Context()); err != nil || len(keys) != 1 {
			t.Errorf("scan: %v, %v", keys, err)
		}
		if _, err := (Config{Address: f.Addr}).ScanHostKeys(t.Context()); err == nil {
			t.Error("scanned without legacy")
		}
	}
}

// Each thing for itself, and what is safe is taken before what is not.
func TestLegacyIsTheLastChoice(t *testing.T) {
	key := testserver.NewKey(t, "rsa")
	for name, tt := range map[string]struct {
		configure func(*ssh.ServerConfig)
		legacy    string
	}{
		"nothing": {func(c *ssh.ServerConfig) {
			c.KeyExchanges = []string{ssh.InsecureKeyExchangeDH14SHA1, ssh.KeyExchangeECDHP384}
			c.Ciphers, c.MACs = []string{ssh.CipherAES128CTR}, []string{ssh.HMACSHA1, ssh.HMACSHA256}
		}, ""},
		"mac unused": {func(c *ssh.ServerConfig) { c.MACs = []string{ssh.HMACSHA1} }, ""}, // gcm needs none
		"mac": {func(c *ssh.ServerConfig) {
			c.Ciphers, c.MACs = []string{ssh.CipherAES256CTR}, []string{ssh.HMACSHA1}
		}, "hmac-sha1 (mac)"},
		"login": {func(c *ssh.ServerConfig) { c.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA} }, "ssh-rsa (login)"},
	} {
		t.Run(name, func(t *testing.T) {
			f := (&fake{KeyLogin: true, Key: key.Public, HostKeys: []testserver.Key{testserver.NewKey(t, "rsa")}, Configure: tt.configure}).start(t)
			c := f.conf(withKey(key))
			c.Legacy = true
			want(t, "legacy", strings.Join(wantLogin(t, c).Legacy, " "), tt.legacy)
		})
	}
}

func TestRealLegacy(t *testing.T) {
	key := testserver.NewKey(t, "rsa")
	s := testserver.StartSSHD(t, testserver.SSHDOptions{HostKeys: []string{"rsa"}, AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}, Extra: []string{
		"KexAlgorithms diffie-hellman-group1-sha1", "HostKeyAlgorithms ssh-rsa", "MACs hmac-sha1", "Ciphers aes128-ctr"}})
	c := real(s, withKey(key))
	wantKind(t, c, KindNoCommon)
	c.Legacy = true
	cl := wantLogin(t, c)
	if !slices.Equal(cl.Legacy, []string{"diffie-hellman-group1-sha1 (key exchange)", "ssh-rsa (host key)", "hmac-sha1 (mac)"}) {
		t.Errorf("%q", cl.Legacy)
	}
	want(t, "output", run(t, cl, "echo hello"), "hello\n")

	modern := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	c = real(modern, withKey(key))
	c.Legacy = true
	if cl := wantLogin(t, c); len(cl.Legacy) > 0 {
		t.Errorf("used although the server knows better: %q", cl.Legacy)
	}
}
