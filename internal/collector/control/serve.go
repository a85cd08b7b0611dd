package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Bounds on those who connect. A long work holds a connection while it lasts.
const (
	maxConns   = 64 // of all users but root and the service's own, who are let in besides
	maxPerUser = 24
	sendHead   = 10 * time.Second // for a request's head and body
	lastWords  = time.Minute      // for a peer to read what is left of the answer when a work is done
	closeWait  = 3 * time.Second  // for answers that are under way when the server ends
)

// Serve answers requests with h until ctx ends, which is also when the contexts of the
// requests under way end. It closes l, and returns nil if ctx ended it.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{Handler: bounded(h), ReadHeaderTimeout: sendHead, IdleTimeout: Patience, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx }, ConnContext: withPeer,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
		defer cancel()
		if srv.Shutdown(wait) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(&limited{Listener: l, users: map[int]int{}, log: log})
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	srv.Close()
	return err
}

// bounded keeps requests from being large or slow, and short answers from waiting for
// ever on a peer that does not read; Work sets deadlines of its own.
func bounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.SetReadDeadline(time.Now().Add(sendHead))
		rc.SetWriteDeadline(time.Now().Add(Patience))
		if r.ContentLength >= 0 { // else Work reads it, line by line
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
			if err != nil {
				Fail(w, http.StatusRequestEntityTooLarge, Failure{Message: "the request is too large or too slow: " + err.Error(), Exit: 2})
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			rc.SetReadDeadline(time.Time{}) // or the request's context would end with it
		}
		h.ServeHTTP(w, r)
	})
}

// Read decodes the body of a short request, strictly: what is not understood must not
// be left out.
func Read(r *http.Request, v any) error {
	return readRequest(bufio.NewReaderSize(r.Body, maxRequest), v)
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(v) // a peer that went away needs no answer
}

// limited turns away those who come when too many are there already: of one user, so
// that nobody can keep the others out, and of all.
type limited struct {
	net.Listener
	log *slog.Logger

	mu    sync.Mutex
	all   int
	users map[int]int // by UID; -1: not known
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := peerOf(c)
		if l.enter(peer) {
			return &counted{Conn: c, peer: peer, leave: sync.OnceFunc(func() { l.leave(peer) })}, nil
		}
		l.log.Warn("too many connections to the control socket: one was closed", "user", peer.String())
		c.Close()
	}
}

// Number is the user's, -1 if he is not known.
func (p Peer) Number() int {
	if p.Known {
		return p.UID
	}
	return -1
}

// Ours reports whether it is root or the service's own user.
func (p Peer) Ours() bool { return p.Known && (p.UID == 0 || p.UID == os.Getuid()) }

func (l *limited) enter(p Peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users[p.Number()] >= maxPerUser && p.Known {
		return false
	}
	if !p.Ours() {
		if l.all >= maxConns {
			return false
		}
		l.all++
	}
	l.users[p.Number()]++
	return true
}

func (l *limited) leave(p Peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.Ours() {
		l.all--
	}
	if l.users[p.Number()]--; l.users[p.Number()] == 0 {
		delete(l.users, p.Number())
	}
}

// counted is a connection that gives its place back.
type counted struct {
	net.Conn
	peer  Peer
	leave func()
}

func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
