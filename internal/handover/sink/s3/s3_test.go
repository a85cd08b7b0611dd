package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"go.uber.org/goleak"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/web"
	"rtmtgrab/internal/testserver"
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
	return sink.Artifact{Path: name, Name: "20260302T141407Z-hq-3fa2c1.zip", Size: int64(size), SHA256: hex.EncodeToString(sum[:]), ID: "00ff"}, b
}

func server(t testing.TB) (*testserver.S3, *Sink) {
	t.Helper()
	d := testserver.StartS3(t, "bundles")
	return d, to(d, d.Addr, d.ClientTLS().RootCAs)
}

func to(d *testserver.S3, addr string, roots *x509.CertPool) *Sink {
	return &Sink{Endpoint: addr, Region: d.Region, Bucket: "bundles", Prefix: "grab/", Client: web.Client{Roots: roots, Proxy: func() (string, error) { return "none", nil }},
		Keys: func() (Keys, error) { return Keys{Access: d.Access, Secret: d.Secret}, nil }}
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
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

func alone(t testing.TB, d *testserver.S3, a sink.Artifact, want []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(d.Root, "bundles", "grab", a.Name))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, want %d (%v)", len(got), len(want), err)
	}
	list, err := os.ReadDir(filepath.Join(d.Root, "bundles", "grab"))
	if err != nil || len(list) != 1 {
		t.Fatalf("in the bucket: %v (%v)", list, err)
	}
}

// uploads are those that were begun and are not completed.
func uploads(t testing.TB, s *Sink) int {
	t.Helper()
	b, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	list, err := b.core.ListMultipartUploads(deadline(t), s.Bucket, "", "", "", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Uploads)
}

func TestDeliver(t *testing.T) {
	d, s := server(t)
	if err := s.Check(deadline(t)); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, partSize, partSize + 1, 3*partSize + 5} {
		a, want := artifact(t, size)
		r, err := s.Deliver(deadline(t), a)
		if err != nil {
			t.Fatal(size, err)
		}
		if r.Verified != sink.BySHA256 || r.Sent != a.Size || r.Place != "s3://bundles/grab/"+a.Name {
			t.Errorf("%d: %+v", size, r)
		}
		alone(t, d, a, want)
		if r, err = s.Deliver(deadline(t), a); err != nil || r.Sent != 0 || r.Resumed != a.Size || r.Verified != sink.BySHA256 {
			t.Errorf("again, %d: %+v, %v", size, r, err)
		}
		alone(t, d, a, want)
	}
	if n := uploads(t, s); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// TestBrokenOff: the line breaks anywhere; what is there already is not sent again, and
// nothing is left of attempts.
func TestBrokenOff(t *testing.T) {
	d, _ := server(t)
	line, err := testserver.Start(d.Addr, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	s := to(d, line.Addr(), d.ClientTLS().RootCAs)
	a, want := artifact(t, 6*partSize)
	rng := rand.New(rand.NewPCG(4, 5))
	var resumed int64
	broken := 0
	for try := 0; ; try++ {
		if try > 40 {
			t.Fatalf("not there after %d attempts", try)
		}
		line.CutAfter(-1)
		if try < 6 {
			var moved atomic.Int64
			limit := partSize + rng.Int64N(4*partSize)
			ctx := sink.WithFlow(deadline(t), sink.Flow{Moved: func(n int) {
				if moved.Add(int64(n)) > limit {
					line.Cut()
				}
			}})
			r, err := s.Deliver(ctx, a)
			resumed = max(resumed, r.Resumed)
			if err == nil {
				break
			}
			if e, ok := errors.AsType[*sink.Error](err); !ok || e.Permanent {
				t.Fatal(err)
			}
			broken++
			continue
		}
		r, err := s.Deliver(deadline(t), a)
		resumed = max(resumed, r.Resumed)
		if e, ok := errors.AsType[*sink.Error](err); ok && e.Cause == sink.Busy { // the server itself cannot put together what was broken off
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if broken == 0 || resumed == 0 {
		t.Errorf("broken off %d times, %d bytes resumed at most", broken, resumed)
	}
	alone(t, d, a, want)
	if n := uploads(t, s); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// TestAbandoned: of uploads of the same name that cannot be gone on with nothing is left.
func TestAbandoned(t *testing.T) {
	d, s := server(t)
	a, want := artifact(t, 2*partSize)
	b, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for i := range 3 {
		id, err := b.core.NewMultipartUpload(deadline(t), s.Bucket, s.key(a), minio.PutObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 { // one of another file
			if _, err := b.core.PutObjectPart(deadline(t), s.Bucket, s.key(a), id, 1, bytes.NewReader(make([]byte, partSize)), partSize, minio.PutObjectPartOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	other, err := b.core.NewMultipartUpload(deadline(t), s.Bucket, s.key(a)+".other", minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	if n := uploads(t, s); n != 1 {
		t.Errorf("%d uploads are left, not the one of somebody else", n)
	}
	b.abort(t.Context(), sink.Artifact{Name: a.Name + ".other"}, other)
	alone(t, d, a, want)
}

// A server that is busy for a moment, or a stop, does not cost what an earlier attempt sent.
func TestBusyWhenResumed(t *testing.T) {
	a, _ := artifact(t, 2*partSize)
	aborted := false
	s := liar(t, func(w http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query()
		switch {
		case r.Method == http.MethodDelete:
			aborted = true
		case q.Has("uploads") && r.Method == http.MethodGet:
			fmt.Fprintf(w, "<ListMultipartUploadsResult><Bucket>bundles</Bucket><Upload><Key>%s</Key><UploadId>u1</UploadId></Upload></ListMultipartUploadsResult>", a.Name)
		case q.Has("uploadId") && r.Method == http.MethodGet:
			w.WriteHeader(503)
			fmt.Fprint(w, "<Error><Code>SlowDown</Code><Message>later</Message></Error>")
		default:
			return false
		}
		return true
	})
	_, err := s.Deliver(deadline(t), a)
	failed(t, err, sink.Busy, false)
	if aborted {
		t.Error("the upload that could be gone on with was aborted")
	}
}

func TestWhatCannotBe(t *testing.T) {
	d, s := server(t)
	a, _ := artifact(t, 1000)
	for _, c := range []struct {
		name      string
		change    func(*Sink)
		cause     sink.Cause
		permanent bool
	}{
		{"no bucket", func(s *Sink) { s.Bucket = "no-such-bucket" }, sink.Rejected, true},
		{"wrong secret", func(s *Sink) {
			s.Keys = func() (Keys, error) { return Keys{Access: d.Access, Secret: "wr0ng-s3cret"}, nil }
		}, sink.Refused, true},
		{"unknown key", func(s *Sink) {
			s.Keys = func() (Keys, error) { return Keys{Access: "NOBODY", Secret: d.Secret}, nil }
		}, sink.Refused, true},
		{"another authority", func(s *Sink) { s.Client.Roots = x509.NewCertPool() }, sink.Certificate, false},
		{"nobody there", func(s *Sink) { s.Endpoint = "127.0.0.1:1" }, sink.Unreachable, false},
		{"no secret", func(s *Sink) { s.Keys = func() (Keys, error) { return Keys{}, errors.New("no such file") } }, sink.Refused, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := *s
			c.change(&other)
			for range 2 {
				_, err := other.Deliver(deadline(t), a)
				if e := failed(t, err, c.cause, c.permanent); strings.Contains(e.Error(), "wr0ng") || strings.Contains(e.Error(), d.Secret) {
					t.Error(e)
				}
			}
			failed(t, other.Check(deadline(t)), c.cause, c.permanent)
		})
	}
	t.Run("changed here", func(t *testing.T) {
		a := a
		a.SHA256 = strings.Repeat("0", 64)
		_, err := s.Deliver(deadline(t), a)
		failed(t, err, sink.Local, true)
	})
}

// A liar stands before a real server and answers some requests itself.
func liar(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) *Sink {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer(w, r) {
			return
		}
		io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodHead {
			w.WriteHeader(404)
			return
		}
		w.Header().Set("ETag", `"x"`)
	}))
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &Sink{Endpoint: strings.TrimPrefix(s.URL, "https://"), Region: "us-east-1", Bucket: "bundles", Client: web.Client{Roots: pool, Stall: time.Second, Answer: time.Second, Proxy: func() (string, error) { return "none", nil }},
		Keys: func() (Keys, error) { return Keys{Access: "A", Secret: "s3cret-s3cret"}, nil }}
}

func TestLiars(t *testing.T) {
	a, _ := artifact(t, 1000)
	said := func(code int, s3code string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut {
				return false
			}
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Retry-After", "9")
			w.Header().Set("Location", "https://127.0.0.1:1/elsewhere")
			w.WriteHeader(code)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>s3cret-s3cret is bad</Message></Error>", s3code)
			return true
		}
	}
	for _, c := range []struct {
		code      int
		s3code    string
		cause     sink.Cause
		permanent bool
	}{
		{503, "SlowDown", sink.Busy, false}, {500, "InternalError", sink.Busy, false}, {507, "XMinioStorageFull", sink.Full, false}, {403, "QuotaExceeded", sink.Full, false},
		{403, "AccessDenied", sink.Refused, true}, {400, "BadDigest", sink.Mismatch, false}, {400, "EntityTooLarge", sink.Rejected, true}, {403, "RequestTimeTooSkewed", sink.Refused, false},
		{301, "PermanentRedirect", sink.Redirect, true}, {307, "TemporaryRedirect", sink.Redirect, false},
	} {
		_, err := liar(t, said(c.code, c.s3code)).Deliver(deadline(t), a)
		if e := failed(t, err, c.cause, c.permanent); e.After != 9*time.Second || !strings.Contains(e.Error(), fmt.Sprint(c.code)) || c.cause == sink.Redirect && !strings.Contains(e.Error(), "to https://127.0.0.1:1, where nothing is sent") {
			t.Errorf("%+v", e)
		}
	}

	// It says nothing.
	_, err := liar(t, func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(503)
		return true
	}).Deliver(deadline(t), a)
	if e := failed(t, err, sink.Busy, false); e.Error() != "busy: it answered 503 Service Unavailable" {
		t.Error(e)
	}

	// It takes it, and has something else, or nothing.
	_, err = liar(t, func(http.ResponseWriter, *http.Request) bool { return false }).Deliver(deadline(t), a)
	failed(t, err, sink.Mismatch, false)
	put := false
	_, err = liar(t, func(w http.ResponseWriter, r *http.Request) bool {
		put = put || r.Method == http.MethodPut
		if put && r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "999")
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			return true
		}
		return false
	}).Deliver(deadline(t), a)
	failed(t, err, sink.Mismatch, false)
	_, err = liar(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			w.Header().Set("X-Amz-Checksum-Sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
		}
		return false
	}).Deliver(deadline(t), a)
	failed(t, err, sink.Mismatch, false)

	end := make(chan struct{})
	_, err = liar(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		io.Copy(io.Discard, r.Body)
		<-end
		return true
	}).Deliver(deadline(t), a)
	if e := failed(t, err, sink.Timeout, false); !e.Unknown {
		t.Error(e)
	}
	close(end)
}

// TestEndless: a server whose answer does not end, in size or in time.
func TestEndless(t *testing.T) {
	a, _ := artifact(t, 2*partSize)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"size": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "<ListMultipartUploadsResult>")
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("<Upload><Key>x</Key></Upload>", 10_000)); err != nil {
					return
				}
			}
		},
		"time": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		},
	} {
		_, err := liar(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet {
				return false
			}
			answer(w, r)
			return true
		}).Deliver(deadline(t), a)
		if e, ok := errors.AsType[*sink.Error](err); !ok || e.Permanent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestInstance: the machine's own credentials, from where clouds have them.
func TestInstance(t *testing.T) {
	d, s := server(t)
	a, want := artifact(t, 1000)
	meta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			io.WriteString(w, "token")
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			io.WriteString(w, "role")
		default:
			fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":%q,"Token":"","Expiration":%q}`, d.Access, d.Secret, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		}
	}))
	s.Keys, s.instance = nil, meta.URL
	if _, err := s.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	alone(t, d, a, want)
	meta.Close()
	_, err := s.Deliver(deadline(t), a)
	if e, ok := errors.AsType[*sink.Error](err); !ok || e.Permanent {
		t.Error(err)
	}
}

// TestInstanceByNoProxy: an environment's proxy neither sees the machine's own credentials nor
// gives others for them, and nobody is followed elsewhere with what shows who asks.
func TestInstanceByNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	client := instanceClient()
	req, err := http.NewRequest(http.MethodGet, "http://169.254.169.254/latest/meta-data/iam/security-credentials/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if proxy, err := client.Transport.(*http.Transport).Proxy(req); proxy != nil || err != nil {
		t.Error(proxy, err)
	}

	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %v", r.URL, r.Header) }))
	defer elsewhere.Close()
	meta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			io.WriteString(w, "token")
			return
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	}))
	defer meta.Close()
	a, _ := artifact(t, 1000)
	s := &Sink{Endpoint: "127.0.0.1:1", Region: "x", Bucket: "bundles", instance: meta.URL, Client: web.Client{Proxy: func() (string, error) { return "none", nil }}}
	_, err = s.Deliver(deadline(t), a)
	failed(t, err, sink.Refused, false)
}

// TestEncryption: what is asked for goes with the request.
func TestEncryption(t *testing.T) {
	a, _ := artifact(t, 1000)
	for _, c := range []struct{ how, key, want, wantKey string }{{EncryptAES256, "", "AES256", ""}, {EncryptKMS, "alias/grab", "aws:kms", "alias/grab"}, {EncryptKMS, "", "aws:kms", ""}, {"", "", "", ""}} {
		var got http.Header
		s := liar(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut {
				got = r.Header.Clone()
			}
			return false
		})
		s.Encryption, s.KMSKey = c.how, c.key
		s.Deliver(deadline(t), a)
		if got.Get("X-Amz-Server-Side-Encryption") != c.want || got.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != c.wantKey || got.Get("X-Amz-Content-Sha256") != a.SHA256 {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestStopped(t *testing.T) {
	d, s := server(t)
	a, _ := artifact(t, 3*partSize)
	why := errors.New("the program ends")
	ctx, cancel := context.WithCancelCause(deadline(t))
	ctx = sink.WithFlow(ctx, sink.Flow{Moved: func(int) { cancel(why) }})
	if _, err := s.Deliver(ctx, a); !errors.Is(err, why) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(d.Root, "bundles", "grab", a.Name)); err == nil {
		t.Error("it is there")
	}
}

// TestLookup: where the bucket's name stands.
func TestLookup(t *testing.T) {
	for _, c := range []struct {
		s        Sink
		endpoint string
		lookup   minio.BucketLookupType
	}{
		{Sink{Region: "eu-central-1"}, "s3.eu-central-1.amazonaws.com", minio.BucketLookupDNS},
		{Sink{Endpoint: "s3.example.com:443", PathStyle: true}, "s3.example.com", minio.BucketLookupPath},
		{Sink{Endpoint: "10.0.0.1:9000"}, "10.0.0.1:9000", minio.BucketLookupPath},
		{Sink{Endpoint: "localhost:80", Plain: true}, "localhost", minio.BucketLookupDNS},
	} {
		if got := c.s.endpoint(); got != c.endpoint || c.s.lookup() != c.lookup {
			t.Errorf("%+v: %s, %v", c.s, got, c.s.lookup())
		}
	}
}
