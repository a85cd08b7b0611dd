package cxd

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A drive is like the Customer eXperience Drive, as far as its public description goes: a
// PUT to /home/FILE with the case's number and token by basic authentication, answered 201.
type drive struct {
	*httptest.Server
	mu     sync.Mutex
	tokens map[string]string
	files  map[string][][]byte // by case and name, each upload
	drop   bool                // the next answer is lost
	answer int                 // to an upload; zero: 201
}

func newDrive(t *testing.T) (*drive, *Sink) {
	d := &drive{tokens: map[string]string{"612345678": "aB3xTokenOfThisCase"}, files: map[string][][]byte{}}
	d.Server = httptest.NewTLSServer(d)
	t.Cleanup(d.Close)
	pool := x509.NewCertPool()
	pool.AddCert(d.Certificate())
	return d, &Sink{URL: func() (string, error) { return d.URL + "/home/", nil }, Client: web.Client{Roots: pool, Proxy: func() (string, error) { return "none", nil }},
		Token: func(number string) (string, error) { return "aB3xTokenOfThisCase", nil }}
}

func (d *drive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number, token, _ := r.BasicAuth()
	d.mu.Lock()
	defer d.mu.Unlock()
	if want, ok := d.tokens[number]; !ok || want != token {
		w.Header().Set("WWW-Authenticate", `Basic realm="CXD"`)
		w.WriteHeader(401)
		io.WriteString(w, "bad token "+token)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/home/")
	if r.Method != http.MethodPut || !ok || name == "" || strings.Contains(name, "/") {
		w.WriteHeader(404)
		return
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	d.files[number+"/"+name] = append(d.files[number+"/"+name], b)
	if d.drop {
		d.drop = false
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(cmp.Or(d.answer, 201))
}

func artifact(t *testing.T) (sink.Artifact, []byte) {
	t.Helper()
	b := bytes.Repeat([]byte("evidence "), 100_000)
	name := filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return sink.Artifact{Path: name, Name: "20260302T141407Z-hq-3fa2c1.zip", Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), ID: "00ff", Case: "612345678"}, b
}

func deadline(t *testing.T) context.Context {
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

func TestDeliver(t *testing.T) {
	d, s := newDrive(t)
	a, want := artifact(t)
	r, err := s.Deliver(deadline(t), a)
	if err != nil || r.Verified != sink.ByStatus || r.Place != d.URL+"/home/"+a.Name+" (case 612345678)" {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := d.files["612345678/"+a.Name]; len(got) != 1 || !bytes.Equal(got[0], want) {
		t.Errorf("%d uploads", len(got))
	}
}

// TestUnknown: an answer that was lost is said to be, and a repeat has the same name.
func TestUnknown(t *testing.T) {
	d, s := newDrive(t)
	a, want := artifact(t)
	d.drop = true
	_, err := s.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Unreachable, false); !e.Unknown {
		t.Error(e)
	}
	if _, err := s.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	if len(d.files) != 1 || !bytes.Equal(d.files["612345678/"+a.Name][1], want) {
		t.Errorf("%d names", len(d.files))
	}
}

// TestOtherAnswer: only 201 says that the drive has it, and 204 that it has it in place of
// another; a 200, as of a page in front of it, is no delivery, and what may be there is not sent
// again and again.
func TestOtherAnswer(t *testing.T) {
	for code, well := range map[int]bool{200: false, 202: false, 204: true} {
		d, s := newDrive(t)
		a, _ := artifact(t)
		d.answer = code
		_, err := s.Deliver(deadline(t), a)
		if well {
			if err != nil {
				t.Error(code, err)
			}
			continue
		}
		if e := failed(t, err, sink.Rejected, true); !e.Unknown {
			t.Error(code, e)
		}
	}
}

func TestCases(t *testing.T) {
	d, s := newDrive(t)
	a, _ := artifact(t)
	none := a
	none.Case = ""
	_, err := s.Deliver(deadline(t), none)
	failed(t, err, sink.Rejected, true)
	a.Case = "699999999"
	_, err = s.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Refused, true); strings.Contains(e.Error(), "aB3x") || !e.Alone || !strings.Contains(e.Error(), "Support Case Manager") {
		t.Error(e)
	}
	s.Token = func(string) (string, error) { return "", errors.New("no token for it") }
	_, err = s.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Refused, true); !e.Alone || !strings.Contains(e.Error(), "no token for it") {
		t.Error(e)
	}
	if err := s.Check(deadline(t)); err != nil {
		t.Error(err)
	}
	d.Close()
	failed(t, s.Check(deadline(t)), sink.Unreachable, false)
}
