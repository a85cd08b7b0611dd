package https

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func artifact(t testing.TB, size int) (sink.Artifact, []byte) {
	t.Helper()
	b := make([]byte, size)
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	for i := 0; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
	}
	name := filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return sink.Artifact{Path: name, Name: "20260302T141407Z-hq-3fa2c1.zip", Size: int64(size), SHA256: hex.EncodeToString(sum[:]), ID: "0123456789abcdef0123456789abcdef", Case: "6123"}, b
}

// A shelf is a server that keeps what is put there.
type shelf struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
	seen  []*http.Request
	posts []string                                          // idempotency keys, each once
	lie   func(w http.ResponseWriter, r *http.Request) bool // nil: honest
}

func newShelf(t testing.TB) *shelf {
	s := &shelf{files: map[string][]byte{}}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, r)
	lie := s.lie
	s.mu.Unlock()
	if lie != nil && lie(w, r) {
		return
	}
	switch r.Method {
	case http.MethodHead:
		s.mu.Lock()
		b, ok := s.files[r.URL.Path]
		s.mu.Unlock()
		if !ok {
			w.WriteHeader(404)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		if r.Header.Get("Want-Repr-Digest") != "" {
			sum := sha256.Sum256(b)
			w.Header().Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
		}
	case http.MethodPut, http.MethodPost:
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Method == http.MethodPost {
			for _, k := range s.posts {
				if k == r.Header.Get("Idempotency-Key") {
					w.WriteHeader(200)
					return
				}
			}
			s.posts = append(s.posts, r.Header.Get("Idempotency-Key"))
		}
		s.files[r.URL.Path] = b
		w.WriteHeader(201)
	}
}

func (s *shelf) sink(t testing.TB, method, path string) *Sink {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &Sink{URL: text(s.URL + path), Method: method, Client: web.Client{Roots: pool, Proxy: text("none")}}
}

func (s *shelf) setLie(lie func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lie = lie
}

func (s *shelf) count(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.seen {
		if r.Method == method {
			n++
		}
	}
	return n
}

func text(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func failed(t *testing.T, err error, cause sink.Cause, permanent bool) *sink.Error {
	t.Helper()
	e, ok := errors.AsType[*sink.Error](err)
	if !ok || e.Cause != cause || e.Permanent != permanent {
		t.Fatalf("want %s (permanent: %v), got %v", cause, permanent, err)
	}
	return e
}

func TestPut(t *testing.T) {
	s := newShelf(t)
	for _, size := range []int{0, 1, 300_000, 3 << 20} {
		a, want := artifact(t, size)
		to := s.sink(t, http.MethodPut, "/drop/")
		r, err := to.Deliver(deadline(t), a)
		if err != nil {
			t.Fatal(size, err)
		}
		if r.Verified != sink.BySHA256 || r.Sent != a.Size || r.Place != s.URL+"/drop/"+a.Name {
			t.Errorf("%+v", r)
		}
		if len(s.files) != 1 || !bytes.Equal(s.files["/drop/"+a.Name], want) {
			t.Fatalf("%d: it has %d files", size, len(s.files))
		}
	}
}

func TestNames(t *testing.T) {
	a, _ := artifact(t, 10)
	for _, c := range []struct{ method, url, want string }{
		{"PUT", "/drop/", "/drop/" + a.Name},
		{"PUT", "/drop", "/drop/" + a.Name},
		{"PUT", "/{case}/{name}?key=s3cret", "/6123/" + a.Name + "?key=s3cret"},
		{"POST", "/in", "/in"},
		{"POST", "/in/{name}", "/in/" + a.Name},
	} {
		s := newShelf(t)
		to := s.sink(t, c.method, c.url)
		to.Hidden = strings.Contains(c.url, "s3cret")
		to.Headers = []Header{{"X-Checksum-Sha256", text("{sha256}")}, {"X-Case", text("{case}")}}
		r, err := to.Deliver(deadline(t), a)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.seen[0]; got.RequestURI != c.want || got.Header.Get("X-Checksum-Sha256") != a.SHA256 || got.Header.Get("X-Case") != "6123" {
			t.Errorf("%s %s: %s %v", c.method, c.url, got.RequestURI, got.Header)
		}
		if strings.Contains(r.Place, "s3cret") || to.Hidden && strings.Contains(r.Place, "6123") {
			t.Errorf("place %s", r.Place)
		}
	}
}

func TestLogins(t *testing.T) {
	s := newShelf(t)
	a, _ := artifact(t, 300_000)
	to := s.sink(t, http.MethodPut, "/drop/")
	to.User, to.Password = text("grab"), text("correct horse")
	if _, err := to.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	if user, password, ok := s.seen[0].BasicAuth(); !ok || user != "grab" || password != "correct horse" {
		t.Error(user, password)
	}
	to = s.sink(t, http.MethodPut, "/drop/")
	to.Bearer = text("t0ken-t0ken")
	s.setLie(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer right" {
			return false
		}
		w.WriteHeader(401)
		fmt.Fprintf(w, "no: %s, %s", r.Header.Get("Authorization"), base64.StdEncoding.EncodeToString([]byte(r.Header.Get("Authorization"))))
		return true
	})
	puts := s.count("PUT")
	_, err := to.Deliver(deadline(t), a)
	e := failed(t, err, sink.Refused, true)
	if strings.Contains(e.Error(), "t0ken") || strings.Contains(e.Error(), base64.StdEncoding.EncodeToString([]byte("t0ken-t0ken"))[:12]) || !strings.Contains(e.Error(), "401") {
		t.Error(e)
	}
	if n := s.count("PUT") - puts; n != 1 {
		t.Errorf("asked %d times", n)
	}
	failed(t, to.Check(deadline(t)), sink.Refused, true)
	to.Bearer = text("right")
	if err := to.Check(deadline(t)); err != nil {
		t.Error(err)
	}
}

// TestAsks: a large body is not sent to a server that does not want it.
func TestAsks(t *testing.T) {
	s := newShelf(t)
	a, _ := artifact(t, 3<<20)
	to := s.sink(t, http.MethodPut, "/drop/")
	s.setLie(func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(413); return true })
	r, err := to.Deliver(deadline(t), a)
	failed(t, err, sink.Rejected, true)
	if r.Sent != 0 {
		t.Errorf("%+v", r)
	}
	s.setLie(func(w http.ResponseWriter, r *http.Request) bool { // one that knows nothing of it
		if r.Header.Get("Expect") != "" {
			w.WriteHeader(417)
			return true
		}
		return false
	})
	if r, err = to.Deliver(deadline(t), a); err != nil || r.Sent != a.Size {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestStatus: what each answer means.
func TestStatus(t *testing.T) {
	s := newShelf(t)
	a, _ := artifact(t, 1000)
	to := s.sink(t, http.MethodPut, "/drop/")
	for _, c := range []struct {
		code      int
		cause     sink.Cause
		permanent bool
	}{
		{301, sink.Redirect, true}, {302, sink.Redirect, false}, {307, sink.Redirect, false}, {308, sink.Redirect, true},
		{400, sink.Rejected, true}, {401, sink.Refused, true}, {403, sink.Refused, true}, {404, sink.Rejected, true}, {405, sink.Rejected, true}, {409, sink.Rejected, true},
		{408, sink.Busy, false}, {413, sink.Rejected, true}, {415, sink.Rejected, true}, {429, sink.Busy, false},
		{500, sink.Busy, false}, {501, sink.Rejected, true}, {502, sink.Busy, false}, {503, sink.Busy, false}, {504, sink.Busy, false}, {507, sink.Full, false}, {599, sink.Busy, false}, {206, sink.Rejected, true},
	} {
		s.setLie(func(w http.ResponseWriter, r *http.Request) bool {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Retry-After", "77")
			w.WriteHeader(c.code)
			return true
		})
		_, err := to.Deliver(deadline(t), a)
		e := failed(t, err, c.cause, c.permanent)
		if unknown := c.code == 500 || c.code == 502 || c.code == 504; e.Unknown != unknown || e.After != 77*time.Second {
			t.Errorf("%d: %+v", c.code, e)
		}
	}
}

// TestElsewhere: nothing goes where a redirect points, credentials least of all.
func TestElsewhere(t *testing.T) {
	var got int
	other := newShelf(t)
	other.setLie(func(http.ResponseWriter, *http.Request) bool { got++; return false })
	s := newShelf(t)
	a, _ := artifact(t, 1000)
	for _, code := range []int{301, 302, 303, 307, 308} {
		s.setLie(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", other.URL+"/drop/?token=s3cret")
			w.WriteHeader(code)
			return true
		})
		to := s.sink(t, http.MethodPut, "/drop/")
		to.Bearer = text("right")
		_, err := to.Deliver(deadline(t), a)
		if e, ok := errors.AsType[*sink.Error](err); !ok || e.Cause != sink.Redirect || !strings.Contains(e.Error(), strings.TrimPrefix(other.URL, "https://")) || strings.Contains(e.Error(), "s3cret") {
			t.Error(err)
		}
		if e, ok := errors.AsType[*sink.Error](to.Check(deadline(t))); !ok || e.Cause != sink.Redirect {
			t.Error(e)
		}
	}
	if got > 0 {
		t.Errorf("the other host was asked %d times", got)
	}
}

// TestLies: a server that takes it and has something else.
func TestLies(t *testing.T) {
	a, _ := artifact(t, 5000)
	for name, lie := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"size": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				w.Header().Set("Content-Length", "4999")
				return true
			}
			return false
		},
		"hash": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				w.Header().Set("Content-Length", "5000")
				w.Header().Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(make([]byte, 32)))
				return true
			}
			return false
		},
	} {
		s := newShelf(t)
		s.setLie(lie)
		_, err := s.sink(t, http.MethodPut, "/drop/").Deliver(deadline(t), a)
		if e := failed(t, err, sink.Mismatch, false); !e.Unknown {
			t.Errorf("%s: %v", name, e)
		}
	}
	s := newShelf(t) // one that says 201 without having read it
	big, _ := artifact(t, 8<<20)
	s.setLie(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Connection", "close")
		w.WriteHeader(201)
		return r.Method == http.MethodPut
	})
	_, err := s.sink(t, http.MethodPut, "/drop/").Deliver(deadline(t), big)
	if e, ok := errors.AsType[*sink.Error](err); !ok || e.Permanent || e.Cause != sink.Mismatch && e.Cause != sink.Unreachable {
		t.Error(err)
	}
}

// TestHangs: before it answers, and in the middle of the body.
func TestHangs(t *testing.T) {
	end := make(chan struct{})
	s := newShelf(t)
	a, _ := artifact(t, 32<<20)
	to := s.sink(t, http.MethodPut, "/drop/")
	to.Client.Stall, to.Client.Answer = 300*time.Millisecond, 300*time.Millisecond
	s.setLie(func(w http.ResponseWriter, r *http.Request) bool {
		io.CopyN(io.Discard, r.Body, 100_000)
		<-end
		return true
	})
	_, err := to.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Timeout, false); e.Unknown {
		t.Error(e)
	}
	s.setLie(func(w http.ResponseWriter, r *http.Request) bool { io.Copy(io.Discard, r.Body); <-end; return true })
	small, _ := artifact(t, 1000)
	_, err = to.Deliver(deadline(t), small)
	if e := failed(t, err, sink.Timeout, false); !e.Unknown {
		t.Error(e)
	}
	close(end)
}

// TestOtherCertificate: nothing is sent to who cannot show the right one.
func TestOtherCertificate(t *testing.T) {
	s, other := newShelf(t), newShelf(t)
	a, _ := artifact(t, 1000)
	to := s.sink(t, http.MethodPut, "/drop/")
	to.Client.Roots = x509.NewCertPool()
	_, err := to.Deliver(deadline(t), a)
	failed(t, err, sink.Certificate, false)
	failed(t, to.Check(deadline(t)), sink.Certificate, false)
	plain := httptest.NewServer(other)
	defer plain.Close()
	to.URL = text(strings.Replace(plain.URL, "http://", "https://", 1))
	_, err = to.Deliver(deadline(t), a)
	failed(t, err, sink.Certificate, false)
	if n := s.count("PUT") + other.count("PUT"); n > 0 {
		t.Errorf("%d requests came", n)
	}
}

// TestClientCertificate: it is shown, and its lack is a refusal.
func TestClientCertificate(t *testing.T) {
	s := newShelf(t)
	s.TLS.ClientAuth = tls.RequireAnyClientCert
	a, _ := artifact(t, 1000)
	to := s.sink(t, http.MethodPut, "/drop/")
	_, err := to.Deliver(deadline(t), a)
	failed(t, err, sink.Refused, true)
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	both := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	to.Client.Certificate = text(both)
	if _, err := to.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	to.Client.Certificate = text("hunter2")
	_, err = to.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Refused, false); strings.Contains(e.Error(), "hunter2") {
		t.Error(e)
	}
}

// TestPost: whatever becomes of the answer, it is there once for a server that heeds the key.
func TestPost(t *testing.T) {
	s := newShelf(t)
	a, want := artifact(t, 600_000)
	to := s.sink(t, http.MethodPost, "/in")
	lost := 3
	s.setLie(func(w http.ResponseWriter, r *http.Request) bool {
		if lost--; lost < 0 {
			return false
		}
		s.setLie(nil)
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, r)
		panic(http.ErrAbortHandler) // it took it, and the line broke
	})
	_, err := to.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Unreachable, false); !e.Unknown {
		t.Error(e)
	}
	if r, err := to.Deliver(deadline(t), a); err != nil || r.Verified != sink.ByStatus {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(s.posts) != 1 || s.posts[0] != a.ID || !bytes.Equal(s.files["/in"], want) {
		t.Errorf("%v", s.posts)
	}
}

// TestProxy: by a proxy, with a login of its own that nobody else sees.
func TestProxy(t *testing.T) {
	s := newShelf(t)
	a, _ := artifact(t, 1000)
	proxy := newTunnel(t, "u", "pr0xy-s3cret")
	to := s.sink(t, http.MethodPut, "/drop/")
	to.Client.Proxy = text("http://u:pr0xy-s3cret@" + proxy)
	if _, err := to.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	if s.seen[0].Header.Get("Proxy-Authorization") != "" {
		t.Error("the server sees the proxy's login")
	}
	to.Client.Proxy = text("http://u:wr0ng-s3cret@" + proxy)
	_, err := to.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Refused, true); strings.Contains(e.Error(), "wr0ng") {
		t.Error(e)
	}
}

// TestSecrets: what is secret stands in no error.
func TestSecrets(t *testing.T) {
	a, _ := artifact(t, 1000)
	to := &Sink{URL: text("https://127.0.0.1:1/t0psecret-path/?sig=t0psecret-query"), Hidden: true, Method: "PUT", Client: web.Client{Proxy: text("none")}}
	r, err := to.Deliver(deadline(t), a)
	failed(t, err, sink.Unreachable, false)
	if all := fmt.Sprint(r, err); strings.Contains(all, "t0psecret") {
		t.Error(all)
	}
	to.URL = text("not a URL t0psecret")
	if _, err := to.Deliver(deadline(t), a); strings.Contains(err.Error(), "t0psecret") {
		t.Error(err)
	}
	to.URL, to.Headers = text("https://127.0.0.1:1/"), []Header{{"X-A", text("t0psecret\r\nX-B: c")}}
	_, err = to.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Refused, false); strings.Contains(e.Error(), "t0psecret") {
		t.Error(e)
	}
}

// A secret that is being replaced holds up what goes there until it can be read, and no longer.
func TestSecretGone(t *testing.T) {
	s := newShelf(t)
	a, _ := artifact(t, 1000)
	for name, lacks := range map[string]func(to *Sink, read func() (string, error)){
		"bearer":      func(to *Sink, read func() (string, error)) { to.Bearer = read },
		"URL":         func(to *Sink, read func() (string, error)) { to.URL = read },
		"certificate": func(to *Sink, read func() (string, error)) { to.Client.Certificate = read },
		"header":      func(to *Sink, read func() (string, error)) { to.Headers = []Header{{"X-A", read}} },
		"proxy":       func(to *Sink, read func() (string, error)) { to.Client.Proxy = read },
	} {
		to := s.sink(t, "PUT", "/drop/")
		lacks(to, func() (string, error) { return "", os.ErrNotExist })
		if _, err := to.Deliver(deadline(t), a); err == nil {
			t.Error(name)
		} else {
			failed(t, err, sink.Refused, false)
		}
	}
	if _, err := s.sink(t, "PUT", "/drop/").Deliver(deadline(t), a); err != nil {
		t.Error(err)
	}
}

func TestStopped(t *testing.T) {
	s := newShelf(t)
	a, _ := artifact(t, 4<<20)
	why := errors.New("the program ends")
	ctx, cancel := context.WithCancelCause(deadline(t))
	ctx = sink.WithFlow(ctx, sink.Flow{Moved: func(int) { cancel(why) }})
	if _, err := s.sink(t, "PUT", "/drop/").Deliver(ctx, a); !errors.Is(err, why) {
		t.Fatal(err)
	}
	if len(s.files) > 0 {
		t.Error("it is there")
	}
}

func TestChanged(t *testing.T) {
	s := newShelf(t)
	a, _ := artifact(t, 1<<20)
	a.SHA256 = strings.Repeat("0", 64)
	_, err := s.sink(t, "PUT", "/drop/").Deliver(deadline(t), a)
	failed(t, err, sink.Local, true)
	if len(s.files) > 0 {
		t.Error("it is there")
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("77")
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT")
	f.Add("-1")
	f.Fuzz(func(t *testing.T, s string) {
		if d := web.RetryAfter(s, time.Unix(1_800_000_000, 0)); d < 0 || d > 24*time.Hour {
			t.Fatal(d)
		}
	})
}

// TestReverseProxy: behind a proxy that ends TLS, and while what it stands before is away.
func TestReverseProxy(t *testing.T) {
	s := newShelf(t)
	back := httptest.NewServer(s)
	behind, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind) }, ErrorLog: log.New(io.Discard, "", 0)}
	front := httptest.NewTLSServer(p)
	defer front.Close()
	pool := x509.NewCertPool()
	pool.AddCert(front.Certificate())
	to := &Sink{URL: text(front.URL + "/drop/"), Method: "PUT", Client: web.Client{Roots: pool, Proxy: text("none")}}
	a, want := artifact(t, 2<<20)
	r, err := to.Deliver(deadline(t), a)
	if err != nil || r.Verified != sink.BySHA256 || !bytes.Equal(s.files["/drop/"+a.Name], want) {
		t.Fatalf("%+v, %v", r, err)
	}
	back.Close()
	_, err = to.Deliver(deadline(t), a)
	failed(t, err, sink.Busy, false)
}
