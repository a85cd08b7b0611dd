package sshdial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang only guards against tests that would never end.
const hang = 60 * time.Second

// A fake is an SSH server in this process that counts what is submitted to it.
type fake struct {
	Password  string // the right one; offered if not empty
	Kbd       func(c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error)
	Key       ssh.PublicKey                       // the right one; offered if KeyLogin
	KeyLogin  bool                                // offer publickey
	OnSecret  func(c net.Conn)                    // called when a secret has come
	Configure func(conf *ssh.ServerConfig)        // last word
	HostKeys  []testserver.Key                    // nil: one ECDSA key
	Forward   func(addr string) (net.Conn, error) // of a hop; nil: forbidden
	Listen    string                              // empty: 127.0.0.1:0
	Sign      []string                            // algorithms of the host keys; nil: all

	Addr      string
	conns     atomic.Int32 // TCP connections
	none      atomic.Int32 // logins that have begun, with "none"
	passwords atomic.Int32
	prompts   atomic.Int32
	keys      atomic.Int32 // public key queries and signatures
	requests  atomic.Int32 // global requests: keepalives

	l  net.Listener
	wg sync.WaitGroup
	mu sync.Mutex
	cs map[net.Conn]bool
}

func (f *fake) start(t *testing.T) *fake {
	t.Helper()
	if f.HostKeys == nil {
		f.HostKeys = []testserver.Key{testserver.NewKey(t, "ecdsa")}
	}
	f.cs = map[net.Conn]bool{}
	var err error
	if f.Listen == "" {
		f.Listen = "127.0.0.1:0"
	}
	if f.l, err = net.Listen("tcp", f.Listen); err != nil {
		t.Fatal(err)
	}
	f.Addr = f.l.Addr().String()
	f.wg.Go(func() {
		for {
			c, err := f.l.Accept()
			if err != nil {
				return
			}
			f.conns.Add(1)
			f.mu.Lock()
			f.cs[c] = true
			f.mu.Unlock()
			f.wg.Go(func() { f.serve(c) })
		}
	})
	t.Cleanup(f.stop)
	return f
}

func (f *fake) stop() {
	f.l.Close()
	f.mu.Lock()
	for c := range f.cs {
		c.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

var errNo = errors.New("no")

func (f *fake) config(c net.Conn) *ssh.ServerConfig {
	secret := func() {
		if f.OnSecret != nil {
			f.OnSecret(c)
		}
	}
	conf := &ssh.ServerConfig{MaxAuthTries: 20}
	conf.AuthLogCallback = func(_ ssh.ConnMetadata, method string, _ error) {
		if method == "none" {
			f.none.Add(1)
		}
	}
	if f.Password != "" {
		conf.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
			f.passwords.Add(1)
			secret()
			if string(p) == f.Password {
				return nil, nil
			}
			return nil, errNo
		}
	}
	if f.Kbd != nil {
		conf.KeyboardInteractiveCallback = func(c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			return f.Kbd(c, func(name, instruction string, questions []string, echos []bool) ([]string, error) {
				a, err := ask(name, instruction, questions, echos)
				if err == nil && len(a) > 0 {
					f.prompts.Add(1)
				}
				return a, err
			})
		}
	}
	if f.KeyLogin {
		conf.PublicKeyCallback = func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			f.keys.Add(1)
			if f.Key != nil && bytes.Equal(k.Marshal(), f.Key.Marshal()) {
				return nil, nil
			}
			return nil, errNo
		}
	}
	for _, k := range f.HostKeys {
		s, err := ssh.NewSignerFromSigner(k.Private)
		if err != nil {
			panic(err)
		}
		if f.Sign != nil {
			if s, err = ssh.NewSignerWithAlgorithms(s.(ssh.AlgorithmSigner), f.Sign); err != nil {
				panic(err)
			}
		}
		conf.AddHostKey(s)
	}
	if f.Configure != nil {
		f.Configure(conf)
	}
	return conf
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	sc, chans, reqs, err := ssh.NewServerConn(c, f.config(c))
	if err != nil {
		return
	}
	f.wg.Go(func() {
		for r := range reqs {
			f.requests.Add(1)
			r.Reply(false, nil)
		}
	})
	f.wg.Go(func() {
		for ch := range chans {
			f.wg.Go(func() { f.forward(ch) })
		}
	})
	sc.Wait()
}

// forward is direct-tcpip, as a hop does it.
func (f *fake) forward(nc ssh.NewChannel) {
	var to struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}
	if f.Forward == nil || nc.ChannelType() != "direct-tcpip" || ssh.Unmarshal(nc.ExtraData(), &to) != nil {
		nc.Reject(ssh.Prohibited, "open failed")
		return
	}
	out, err := f.Forward(net.JoinHostPort(to.Host, fmt.Sprint(to.Port)))
	if err != nil {
		nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		out.Close()
		return
	}
	f.wg.Go(func() { ssh.DiscardRequests(reqs) })
	f.wg.Go(func() { io.Copy(out, ch); out.Close() })
	io.Copy(ch, out)
	ch.Close()
	out.Close()
}

func forwarding(addr string) (net.Conn, error) { return net.Dial("tcp", addr) }

// conf is a Config for the fake with the right host key pinned.
func (f *fake) conf(a Auth) Config {
	return Config{Name: "expc01", Address: f.Addr, User: "root", Auth: a, Timeout: hang,
		HostKey: ssh.FingerprintSHA256(f.HostKeys[0].Public)}
}

func withPassword(p string) Auth {
	return Auth{Kind: AuthPassword, Password: func() (string, error) { return p, nil }}
}

func withKey(k testserver.Key) Auth {
	return Auth{Kind: AuthKey, KeyPEM: func() (string, error) { return string(k.PEM), nil }}
}

// kbd is a server's keyboard-interactive that asks one hidden question.
func kbd(right string) func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	return func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		a, err := ask("", "", []string{"Password: "}, []bool{false})
		if err == nil && len(a) == 1 && a[0] == right {
			ask("", "welcome", nil, nil) // as PAM does
			return nil, nil
		}
		return nil, errNo
	}
}

// wantKind dials and wants an *Error of a kind.
func wantKind(t *testing.T, c Config, kind Kind) *Error {
	t.Helper()
	cl, err := Dial(t.Context(), c)
	if err == nil {
		cl.Close()
		t.Fatalf("logged in, want %s", kind)
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != kind {
		t.Fatalf("got %v, want kind %s", err, kind)
	}
	return e
}

func wantLogin(t *testing.T, c Config) *Client {
	t.Helper()
	cl, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Close() })
	return cl
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// talk is a TCP server that gives every connection to say and closes it after.
func talk(t *testing.T, say func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { c.Close() })
			wg.Go(func() { say(c); stop(); c.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); cancel(); wg.Wait() })
	return l.Addr().String()
}

func silent(c net.Conn) { io.Copy(io.Discard, c) }
