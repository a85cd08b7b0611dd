package sshdial

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testserver"
)

// The heart of the matter: whatever the server offers, a wrong secret is
// submitted once, and x/crypto does not go on to another method by itself.
func TestSecretIsSubmittedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		f                  *fake
		auth               Auth
		passwords, prompts int32
		keys               int32
	}{
		"both offered":      {&fake{Password: "right", Kbd: kbd("right")}, withPassword("wrong"), 1, 0, 0},
		"all offered":       {&fake{Password: "right", Kbd: kbd("right"), KeyLogin: true}, withPassword("wrong"), 1, 0, 0},
		"password alone":    {&fake{Password: "right"}, withPassword("wrong"), 1, 0, 0},
		"keyboard alone":    {&fake{Kbd: kbd("right")}, withPassword("wrong"), 0, 1, 0},
		"key":               {&fake{KeyLogin: true, Password: "right", Kbd: kbd("right")}, withKey(testserver.NewKey(t, "ecdsa")), 0, 0, 1},
		"rsa key":           {&fake{KeyLogin: true}, withKey(testserver.NewKey(t, "rsa")), 0, 0, 1},
		"keyboard, by name": {&fake{Password: "right", Kbd: kbd("right")}, Auth{Kind: AuthPassword, Login: LoginKeyboardInteractive, Password: func() (string, error) { return "wrong", nil }}, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tt.f.start(t)
			e := wantKind(t, tt.f.conf(tt.auth), KindLoginRefused)
			want(t, "permanent", e.Permanent(), true)
			want(t, "reason", e.Reason(), evidence.ReasonLogin)
			want(t, "stage", e.Stage, StageLogin)
			tt.f.stop()
			want(t, "passwords", tt.f.passwords.Load(), tt.passwords)
			want(t, "answered prompts", tt.f.prompts.Load(), tt.prompts)
			want(t, "keys", tt.f.keys.Load(), tt.keys)
			want(t, "connections", tt.f.conns.Load(), 1)
			if strings.Contains(e.Error(), "wrong") {
				t.Errorf("the secret is in the message: %v", e)
			}
		})
	}
}

func TestEveryWayIn(t *testing.T) {
	key := testserver.NewKey(t, "rsa")
	for name, tt := range map[string]struct {
		f    *fake
		auth Auth
	}{
		"password":           {&fake{Password: "right", Kbd: kbd("right")}, withPassword("right")},
		"keyboard, by auto":  {&fake{Kbd: kbd("right")}, withPassword("right")},
		"rsa key":            {&fake{KeyLogin: true, Key: key.Public}, withKey(key)},
		"no login necessary": {&fake{Configure: func(c *ssh.ServerConfig) { c.NoClientAuth = true }}, withKey(key)},
	} {
		t.Run(name, func(t *testing.T) {
			tt.f.start(t)
			wantLogin(t, tt.f.conf(tt.auth))
		})
	}
}

// What the server does not offer is no refusal: nothing is sent.
func TestMethodNotOffered(t *testing.T) {
	for name, tt := range map[string]struct {
		f       *fake
		auth    Auth
		offered string
	}{
		"key":      {&fake{Password: "right"}, withKey(testserver.NewKey(t, "ecdsa")), "password"},
		"password": {&fake{KeyLogin: true}, withPassword("right"), "publickey"},
		"password by name": {&fake{Kbd: kbd("right")}, Auth{Kind: AuthPassword, Login: LoginPassword,
			Password: func() (string, error) { return "right", nil }}, "keyboard-interactive"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.f.start(t)
			c := tt.f.conf(tt.auth)
			c.Ledger = &Ledger{Dir: t.TempDir()}
			e := wantKind(t, c, KindNotOffered)
			want(t, "offered", strings.Join(e.Offered, " "), tt.offered)
			want(t, "permanent", e.Permanent(), true)
			want(t, "submitted", tt.f.passwords.Load()+tt.f.prompts.Load()+tt.f.keys.Load(), 0)
			want(t, "remembered", len(c.Ledger.all(t)), 0)
		})
	}
}

// A prompt is answered if it is hidden, and one prompt only.
func TestOddPrompts(t *testing.T) {
	type ask = ssh.KeyboardInteractiveChallenge
	for name, tt := range map[string]struct {
		kbd     func(ssh.ConnMetadata, ask) (*ssh.Permissions, error)
		prompts int32
	}{
		"visible": {func(_ ssh.ConnMetadata, a ask) (*ssh.Permissions, error) {
			a("", "", []string{"Name: "}, []bool{true})
			return nil, errNo
		}, 0},
		"two at once": {func(_ ssh.ConnMetadata, a ask) (*ssh.Permissions, error) {
			a("", "", []string{"Password: ", "Code: "}, []bool{false, false})
			return nil, errNo
		}, 0},
		"again": {func(_ ssh.ConnMetadata, a ask) (*ssh.Permissions, error) {
			a("", "", []string{"Password: "}, []bool{false})
			a("", "", []string{"New password: "}, []bool{false})
			return nil, errNo
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := (&fake{Kbd: tt.kbd}).start(t)
			e := wantKind(t, f.conf(withPassword("right")), KindLoginRefused)
			if !strings.Contains(e.Error(), "the server asks") {
				t.Errorf("says %q", e)
			}
			f.stop()
			want(t, "answered", f.prompts.Load(), tt.prompts)
		})
	}
}

// A right key where the server wants a password too.
func TestSecondFactor(t *testing.T) {
	key := testserver.NewKey(t, "ecdsa")
	f := (&fake{KeyLogin: true, Configure: func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
				PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }}}
		}
	}}).start(t)
	e := wantKind(t, f.conf(withKey(key)), KindLoginRefused)
	if !strings.Contains(e.Error(), "requires more: password") {
		t.Errorf("says %q", e)
	}
}

// An RSA key is never used with SHA-1. A server that knows nothing else gets
// nothing, and that is no refusal.
func TestNoSHA1Signatures(t *testing.T) {
	key := testserver.NewKey(t, "rsa")
	var used []string
	f := (&fake{KeyLogin: true, Key: key.Public, Configure: func(c *ssh.ServerConfig) {
		c.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
		c.VerifiedPublicKeyCallback = func(_ ssh.ConnMetadata, _ ssh.PublicKey, p *ssh.Permissions, algo string) (*ssh.Permissions, error) {
			used = append(used, algo)
			return p, nil
		}
	}}).start(t)
	wantLogin(t, f.conf(withKey(key))).Close()
	f.stop()
	if !slices.Equal(used, []string{ssh.KeyAlgoRSASHA256}) {
		t.Errorf("signed with %v", used)
	}

	old := (&fake{KeyLogin: true, Key: key.Public, Configure: func(c *ssh.ServerConfig) {
		c.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA}
	}}).start(t)
	c := old.conf(withKey(key))
	c.Ledger = &Ledger{Dir: t.TempDir()}
	e := wantKind(t, c, KindNoCommon)
	want(t, "stage", e.Stage, StageLogin)
	old.stop()
	want(t, "keys shown", old.keys.Load(), 0)
	want(t, "remembered", len(c.Ledger.all(t)), 0)
}

// A server that hangs up on a wrong password, as OpenSSH does at MaxAuthTries,
// has refused it; one that merely breaks off has not.
func TestHangUpInLogin(t *testing.T) {
	f := (&fake{Password: "right", Configure: func(c *ssh.ServerConfig) { c.MaxAuthTries = 1 }}).start(t)
	wantKind(t, f.conf(withPassword("wrong")), KindLoginRefused)

	f = (&fake{Password: "right", OnSecret: func(c net.Conn) { c.Close() }}).start(t)
	e := wantKind(t, f.conf(withPassword("right")), KindLost)
	want(t, "stage", e.Stage, StageLogin)
	want(t, "permanent", e.Permanent(), false)
}

func TestLocalFaults(t *testing.T) {
	key := testserver.NewKey(t, "ecdsa")
	encrypted := key.Encrypted(t, "open sesame")
	phrase := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	f := (&fake{KeyLogin: true, Key: key.Public}).start(t)
	for name, tt := range map[string]struct {
		auth Auth
		says string
	}{
		"nothing":        {Auth{}, "no login method"},
		"unreadable":     {Auth{Kind: AuthKey, KeyPEM: func() (string, error) { return "", errors.New("no such file") }}, "no such file"},
		"public key":     {Auth{Kind: AuthKey, KeyPEM: phrase(publicKey)}, "this is a public key: name the private one"},
		"no key":         {Auth{Kind: AuthKey, KeyPEM: phrase("hello")}, "parse the private key"},
		"no passphrase":  {Auth{Kind: AuthKey, KeyPEM: phrase(string(encrypted))}, "no passphrase is configured"},
		"bad passphrase": {Auth{Kind: AuthKey, KeyPEM: phrase(string(encrypted)), Passphrase: phrase("wrong")}, "the passphrase does not open"},
		"empty password": {withPassword(""), "the password is empty"},
		"odd login":      {Auth{Kind: AuthPassword, Login: "telepathy", Password: phrase("x")}, "telepathy"},
		"no agent":       {Auth{Kind: AuthAgent, Agent: anyPin, Socket: "/nonexistent/agent"}, "connect to the agent"},
		"no named key":   {Auth{Kind: AuthAgent, Socket: "/nonexistent/agent"}, "no agent key is configured"},
	} {
		t.Run(name, func(t *testing.T) {
			e := wantKind(t, f.conf(tt.auth), KindLocal)
			want(t, "permanent", e.Permanent(), true)
			if !strings.Contains(e.Error(), tt.says) {
				t.Errorf("says %q", e)
			}
		})
	}
	want(t, "connections", f.conns.Load(), 0)

	wantLogin(t, f.conf(Auth{Kind: AuthKey, KeyPEM: phrase(string(encrypted)), Passphrase: phrase("open sesame")}))
}

const publicKey = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg= joe@x\n"

// Public keys are known in the forms that ssh-keygen and openssl write; private ones and
// other texts are none.
func TestIsPublicKey(t *testing.T) {
	for text, want := range map[string]bool{publicKey: true, "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n": true, "-----BEGIN PUBLIC KEY-----\nx": true, "-----BEGIN RSA PUBLIC KEY-----\n": true,
		"-----BEGIN OPENSSH PRIVATE KEY-----\nPUBLIC KEY": false, "": false, "hello": false, "PuTTY-User-Key-File-3: ssh-rsa\n": false} {
		if got := IsPublicKey(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What keeps a file from being read may pass: it is being replaced, or this process may open no more
// of them. An alert's host is tried again; nothing was sent to it.
func TestUnreadFileIsNoLastWord(t *testing.T) {
	f := (&fake{KeyLogin: true}).start(t)
	missing := filepath.Join(t.TempDir(), "id")
	key := f.conf(Auth{Kind: AuthKey, KeyPEM: func() (string, error) {
		b, err := os.ReadFile(missing)
		return string(b), err
	}})
	known := f.conf(withKey(testserver.NewKey(t, "ecdsa")))
	known.HostKey, known.KnownHosts = "", filepath.Join(t.TempDir(), strings.Repeat("n", 300))
	for name, c := range map[string]Config{"key": key, "known_hosts": known} {
		t.Run(name, func(t *testing.T) {
			e := wantKind(t, c, KindLocal)
			want(t, "permanent", e.Permanent(), false)
			want(t, "reason", e.Reason(), evidence.ReasonNoLogin)
		})
	}
	want(t, "connections", f.conns.Load(), 0)
}
