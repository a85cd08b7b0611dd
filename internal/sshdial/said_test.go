package sshdial

import (
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// What a server says once the secret has come is why it refuses: sshd, for one, says so of an
// account that has expired, and hangs up.
func TestServersReasonIsTold(t *testing.T) {
	const expired = "Your account has expired; please contact your system administrator"
	banner := func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		return nil, &ssh.BannerError{Err: errNo, Message: expired + ": right\n"}
	}
	for name, tt := range map[string]struct {
		f    *fake
		kind Kind
	}{
		"a banner, and no": {&fake{Password: "other", Configure: func(c *ssh.ServerConfig) { c.PasswordCallback = banner }}, KindLoginRefused},
		"a banner, and the end": {&fake{Password: "other", Configure: func(c *ssh.ServerConfig) {
			var pre ssh.ServerPreAuthConn
			c.PreAuthConnCallback = func(p ssh.ServerPreAuthConn) { pre = p }
			c.MaxAuthTries = 1
			c.PasswordCallback = func(m ssh.ConnMetadata, _ []byte) (*ssh.Permissions, error) {
				pre.SendAuthBanner(expired)
				return nil, hangUp(m)
			}
		}}, KindLost},
		"before a prompt": {&fake{Kbd: func(_ ssh.ConnMetadata, a ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			a("", expired, nil, nil)
			a("", "", []string{"Password: "}, []bool{false})
			return nil, errNo
		}}, KindLoginRefused},
		"with prompts": {&fake{Kbd: func(_ ssh.ConnMetadata, a ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			a("", expired, []string{"New password: ", "Again: "}, []bool{false, false})
			return nil, errNo
		}}, KindLoginRefused},
	} {
		t.Run(name, func(t *testing.T) {
			tt.f.start(t)
			e := wantKind(t, tt.f.conf(withPassword("a right password")), tt.kind)
			if !strings.Contains(e.Error(), expired) {
				t.Errorf("says %q", e)
			}
		})
	}
}

// hangUp ends a server's connection without another word.
func hangUp(m ssh.ConnMetadata) error {
	m.(interface{ Close() error }).Close()
	return errNo
}

// A greeting that anybody gets explains nothing, and without end nothing is kept.
func TestGreetingIsNoReason(t *testing.T) {
	f := (&fake{Password: "right", Configure: func(c *ssh.ServerConfig) {
		c.BannerCallback = func(ssh.ConnMetadata) string { return "Authorised use only" }
	}}).start(t)
	if e := wantKind(t, f.conf(withPassword("wrong")), KindLoginRefused); strings.Contains(e.Error(), "Authorised") {
		t.Errorf("says %q", e)
	}
	l := &login{began: true}
	for range 100 {
		l.hear(strings.Repeat("word ", 1000))
	}
	if len(l.said) > 2*maxSaid {
		t.Errorf("%d bytes are kept", len(l.said))
	}
}

// A server that wants another password says so in a way that x/crypto does not know.
func TestPasswordToBeChanged(t *testing.T) {
	l := &login{cred: &credential{password: "right"}, began: true, reached: true}
	err := errors.New("ssh: handshake failed: ssh: unexpected message type 60 (expected 52)")
	here, there := net.Pipe()
	defer there.Close()
	e := handshakeError(t.Context(), err, &conn{Conn: here, greeted: true}, l)
	want(t, "kind", e.Kind, KindLoginRefused)
	if !strings.Contains(e.Error(), "wants the password changed") {
		t.Errorf("says %q", e)
	}
}
