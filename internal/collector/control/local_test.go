package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipeNet is a network of net.Pipes: its deadlines run on the clock of a bubble.
type pipeNet struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeNet() *pipeNet {
	return &pipeNet{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipeNet) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipeNet) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }
func (p *pipeNet) dial(ctx context.Context) (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case p.conns <- b:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var quiet = slog.New(slog.DiscardHandler)

// serving answers on n until the test calls end.
func serving(t *testing.T, n net.Listener, h http.Handler) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, n, h, quiet) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

type ask struct {
	Count int `json:"count"`
}

// counting is a work that tells n numbers, then waits for what ends it.
func counting(ended chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q ask
		Work(w, r, &q, nil, func(ctx context.Context, j *Job) (any, *Failure) {
			for i := range q.Count {
				j.Progress(i)
			}
			select {
			case <-j.Stop:
				ended <- "stop"
				return "stopped", nil
			case <-ctx.Done():
				ended <- "gone"
				return nil, &Failure{"it ends", "a hint", 4}
			}
		})
	})
}

func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, ended := newPipeNet(), make(chan string, 1)
		end := serving(t, n, counting(ended))
		stop := make(chan struct{})
		time.AfterFunc(10*time.Minute, func() { close(stop) }) // signs of life keep it going so long
		next := 0
		res, err := (&Client{dial: n.dial}).Work(t.Context(), "/", ask{1500}, stop, func(p json.RawMessage) {
			var got int
			if err := json.Unmarshal(p, &got); err != nil || got != next {
				t.Errorf("progress %s, want %d", p, next)
			}
			next++
		})
		if err != nil || string(res) != `"stopped"` || next != 1500 || <-ended != "stop" {
			t.Errorf("%s %v after %d", res, err, next)
		}
		end()
	})
}

// The client is told why when the watcher ends in the middle.
func TestServerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, ended := newPipeNet(), make(chan string, 1)
		end := serving(t, n, counting(ended))
		stopped := make(chan struct{})
		time.AfterFunc(time.Minute, func() { end(); close(stopped) })
		_, err := (&Client{dial: n.dial}).Work(t.Context(), "/", ask{1}, nil, nil)
		f, ok := errors.AsType[*Failure](err)
		if !ok || *f != (Failure{"it ends", "a hint", 4}) {
			t.Errorf("%v", err)
		}
		<-stopped
	})
}

// A client that goes away or hangs ends the context.
func TestClientGone(t *testing.T) {
	for _, how := range []string{"cancel", "freeze", "no more lines"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, ended := newPipeNet(), make(chan string, 1)
				end := serving(t, n, counting(ended))
				began := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				switch how {
				case "cancel":
					time.AfterFunc(time.Minute, cancel)
					if _, err := (&Client{dial: n.dial}).Work(ctx, "/", ask{1}, nil, nil); !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				default:
					c, err := n.dial(ctx)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					if how == "no more lines" { // it reads and says nothing
						go func() {
							b := make([]byte, 1024)
							for err == nil {
								_, err = c.Read(b)
							}
						}()
					}
					if _, err := c.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{\"count\":1}\n\r\n")); err != nil {
						t.Fatal(err)
					}
				}
				if got := <-ended; got != "gone" {
					t.Error(got)
				}
				if took := time.Since(began); took > time.Minute+Patience {
					t.Errorf("noticed after %v", took)
				}
				cancel()
				end()
			})
		})
	}
}

// A watcher that hangs is noticed, before its answer and in the middle of it.
func TestServerHangs(t *testing.T) {
	for _, first := range []string{"", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			n := newPipeNet()
			go func() {
				c, err := n.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				go c.Write([]byte(first))
				b := make([]byte, 1024)
				for err == nil {
					_, err = c.Read(b)
				}
			}()
			began := time.Now()
			_, err := (&Client{dial: n.dial}).Work(t.Context(), "/", ask{1}, nil, nil)
			if took := time.Since(began); !errors.Is(err, ErrLost) || took > Patience {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}

func TestHostileClients(t *testing.T) {
	long := make([]byte, maxRequest+10)
	for i := range long {
		long[i] = ' '
	}
	for name, tt := range map[string]struct{ send, want string }{
		"garbage":    {"\x00\x01\x02 hello\r\n\r\n", "HTTP/1.1 400"},
		"header":     {"GET / HTTP/1.1\r\nHost: x\r\nA: " + string(long[:3*maxHeader]) + "\r\n\r\n", "HTTP/1.1 431"},
		"slow":       {"GET / HT", "HTTP/1.1 400"},
		"slow body":  {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 413"},
		"huge":       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{", "HTTP/1.1 413"},
		"no json":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 400"},
		"unknown":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"hot\":1}", "HTTP/1.1 400"},
		"long line":  {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000a\r\n" + string(long), "HTTP/1.1 400"},
		"slow chunk": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{", "HTTP/1.1 400"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newPipeNet()
				end := serving(t, n, counting(make(chan string, 1)))
				c, err := n.dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				go c.Write([]byte(tt.send))
				b := make([]byte, 12)
				c.SetReadDeadline(time.Now().Add(time.Minute))
				k, err := c.Read(b)
				if got := string(b[:k]); got != tt.want {
					t.Errorf("%q %v, want %q", got, err, tt.want)
				}
				c.Close()
				end()
			})
		})
	}
}

// A work that tells faster than its client reads does not wait for it.
func TestStalledReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, ended := newPipeNet(), make(chan string, 1)
		end := serving(t, n, counting(ended))
		c, err := n.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		c.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{\"count\":50000}"))
		if got := <-ended; got != "gone" || time.Since(began) != 0 {
			t.Errorf("%s after %v", got, time.Since(began))
		}
		c.Close()
		end()
	})
}

func TestTooMany(t *testing.T) {
	l := &limited{users: map[int]int{}}
	var in int
	for range 2 * maxPerUser {
		if l.enter(Peer{Known: true, UID: 7}) {
			in++
		}
	}
	if in != maxPerUser || !l.enter(Peer{Known: true, UID: 8}) {
		t.Errorf("%d of one user", in)
	}
	for range in {
		l.leave(Peer{Known: true, UID: 7})
	}
	if !l.enter(Peer{Known: true, UID: 7}) || len(l.users) != 2 {
		t.Error("no place is given back")
	}
}

// Who has the socket and says nothing, or not all of it, in the time that was his is told
// from one who is not there.
func TestSilent(t *testing.T) {
	for name, says := range map[string]string{"nothing": "", "a part": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newPipeNet()
				go func() {
					c, err := n.Accept()
					if err != nil {
						return
					}
					defer c.Close()
					b := make([]byte, 1024)
					if _, err = c.Read(b); err == nil { // an answer before its request is none
						go c.Write([]byte(says))
					}
					for err == nil {
						_, err = c.Read(b)
					}
				}()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if err := (&Client{Path: "/run/x", dial: n.dial}).Do(ctx, http.MethodGet, "/", nil, nil); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "/run/x") {
					t.Error(err)
				}
			})
		})
	}
}
