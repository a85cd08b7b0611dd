package sshdial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testserver"
)

const anyPin = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

func TestConnectErrors(t *testing.T) {
	free := fmt.Sprintf("127.0.0.1:%d", testserver.FreePort(t))
	greeting := func(s string) func(net.Conn) {
		return func(c net.Conn) { c.Write([]byte(s)); silent(c) }
	}
	for _, tt := range []struct {
		name, address string
		kind          Kind
		stage         Stage
		says          string
	}{
		{"refused", free, KindRefused, StageConnect, "connection refused"},
		{"no such name", "no-such-host.invalid:22", KindUnreachable, StageConnect, "not reachable"},
		{"smtp", talk(t, greeting("220 mail.example.com ESMTP\r\n")), KindNotSSH, StageGreeting, `"220 mail.example.com ESMTP"`},
		{"http", talk(t, greeting("HTTP/1.1 400 Bad Request\r\n\r\n")), KindNotSSH, StageGreeting, "400 Bad Request"},
		{"ssh 1", talk(t, greeting("SSH-1.5-old\n")), KindNotSSH, StageGreeting, "SSH-1.5-old"},
		{"hangs up", talk(t, func(net.Conn) {}), KindNotSSH, StageGreeting, "closes the connection without a greeting"},
		{"too many", talk(t, func(c net.Conn) { c.Write([]byte("Exceeded MaxStartups\r\n")) }), KindBusy, StageGreeting, "takes no more connections for now: it says \"Exceeded MaxStartups"},
		{"endless", talk(t, func(c net.Conn) {
			for _, err := c.Write(make([]byte, 4096)); err == nil; _, err = c.Write(make([]byte, 4096)) {
			}
		}), KindNotSSH, StageGreeting, ""},
		{"breaks off", talk(t, func(c net.Conn) { c.Write([]byte("hello\r\nSSH-2.0-x\r\n")) }), KindLost, StageExchange, "connection lost"},
		{"rubbish", talk(t, func(c net.Conn) { c.Write([]byte("SSH-2.0-x\r\n\xff\xff\xff\xffrubbish, and a lot")); silent(c) }), KindLost, StageExchange, ""},
		{"no port", "127.0.0.1", KindLocal, "", "not host:port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := wantKind(t, Config{Name: "expc01", Address: tt.address, User: "root", HostKey: anyPin, Timeout: hang, Auth: withPassword("x")}, tt.kind)
			want(t, "stage", e.Stage, tt.stage)
			if !strings.Contains(e.Error(), tt.says) || !strings.HasPrefix(e.Error(), "expc01 (") {
				t.Errorf("says %q", e)
			}
			if tt.kind != KindLocal {
				want(t, "permanent", e.Permanent(), false)
				want(t, "reason", e.Reason(), evidence.ReasonUnreachable)
			}
		})
	}
}

// A server that takes the connection and says nothing, or a byte now and then,
// must not keep anybody longer than the time limit.
func TestTarpit(t *testing.T) {
	drip := func(c net.Conn) {
		for _, err := c.Write([]byte("S")); err == nil; _, err = c.Write([]byte("S")) {
			time.Sleep(20 * time.Millisecond) // 5 s for the 255 bytes that a version line may have
		}
	}
	late := func(c net.Conn) { c.Write([]byte("SSH-2.0-tarpit\r\n")); silent(c) }
	for name, tt := range map[string]struct {
		say   func(net.Conn)
		kind  Kind
		stage Stage
	}{
		"silent": {silent, KindTimeout, StageGreeting},
		"drip":   {drip, KindNotSSH, StageGreeting},
		"late":   {late, KindTimeout, StageExchange},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{Name: "expc01", Address: talk(t, tt.say), User: "root", HostKey: anyPin, Timeout: time.Second, Auth: withPassword("x")}
			e := wantKind(t, c, tt.kind)
			want(t, "stage", e.Stage, tt.stage)
			if e.Refusal != nil {
				t.Error("speaks of an earlier refusal that never was")
			}
		})
	}
}

func TestCancelEndsDialAtOnce(t *testing.T) {
	reached := make(chan struct{})
	addr := talk(t, func(c net.Conn) { close(reached); silent(c) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	_, err := Dial(ctx, Config{Address: addr, User: "root", HostKey: anyPin, Timeout: 24 * time.Hour, Auth: withPassword("x")}) // waiting for that would be hanging
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != KindCanceled || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "given up (") {
		t.Errorf("got %v", err)
	}
}

func TestNoCommonAlgorithm(t *testing.T) {
	for name, tt := range map[string]struct {
		configure func(*ssh.ServerConfig)
		says      string
	}{
		"key exchange": {func(c *ssh.ServerConfig) { c.KeyExchanges = []string{ssh.InsecureKeyExchangeDH1SHA1} }, "the server offers diffie-hellman-group1-sha1"},
		"mac": {func(c *ssh.ServerConfig) {
			c.Ciphers, c.MACs = []string{ssh.CipherAES128CTR}, []string{ssh.HMACSHA1}
		}, "the server offers hmac-sha1"},
		"cipher": {func(c *ssh.ServerConfig) { c.Ciphers = []string{ssh.InsecureCipherAES128CBC} }, "the server offers aes128-cbc"},
	} {
		t.Run(name, func(t *testing.T) {
			f := (&fake{Password: "right", Configure: tt.configure}).start(t)
			e := wantKind(t, f.conf(withPassword("right")), KindNoCommon)
			if !strings.Contains(e.Error(), tt.says) {
				t.Errorf("says %q", e)
			}
			want(t, "logins", f.none.Load(), 0)
		})
	}
}

func TestClientEnds(t *testing.T) {
	f := (&fake{Password: "right"}).start(t)

	cl := wantLogin(t, f.conf(withPassword("right")))
	want(t, "host key", cl.HostKey, ssh.FingerprintSHA256(f.HostKeys[0].Public))
	want(t, "type", cl.HostKeyType, ssh.KeyAlgoECDSA384)
	want(t, "server", cl.Server, "SSH-2.0-Go")
	want(t, "cipher", cl.Conn.(ssh.AlgorithmsConnMetadata).Algorithms().Read.Cipher, ssh.CipherAES128GCM)
	cl.Close()
	cl.Close()
	<-cl.Done()
	if cl.Lost() != nil {
		t.Errorf("closed by us, yet lost: %v", cl.Lost())
	}

	cl = wantLogin(t, f.conf(withPassword("right")))
	if cl.Lost() != nil {
		t.Errorf("stands, yet lost: %v", cl.Lost())
	}
	f.stop()
	<-cl.Done()
	e, ok := errors.AsType[*Error](cl.Lost())
	if !ok || e.Kind != KindLost || e.Permanent() || !strings.Contains(e.Error(), "closed the connection") {
		t.Errorf("got %v", cl.Lost())
	}
}

func TestKeepAlive(t *testing.T) {
	f := (&fake{Password: "right"}).start(t)
	c := f.conf(withPassword("right"))
	c.KeepAlive, c.silence = 5*time.Millisecond, hang
	cl := wantLogin(t, c)
	for f.requests.Load() < 5 {
		select {
		case <-cl.Done():
			t.Fatal(cl.Lost())
		case <-time.After(time.Millisecond):
		}
	}
}

// The end of Dial's context does not end the Client.
func TestClientOutlivesContext(t *testing.T) {
	f := (&fake{Password: "right"}).start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cl, err := Dial(ctx, f.conf(withPassword("right")))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	cancel()
	if _, _, err := cl.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Error(err)
	}
}
