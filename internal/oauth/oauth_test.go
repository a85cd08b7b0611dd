package oauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

const user = "rtmt@example.com"

// bench is a source of client credentials, with a clock that a test can set.
type bench struct {
	*Source
	t   *testing.T
	lab *testserver.TokenServer
	at  time.Time
}

func newBench(t *testing.T, change ...func(*bench, *Config)) *bench {
	t.Helper()
	s, err := testserver.NewTokenServer(user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CAPEM())
	b := &bench{t: t, lab: s, at: time.Now()}
	cfg := Config{TokenURL: s.URL(), ClientID: s.ClientID, Scopes: []string{"mail", "more"}, User: user, Roots: roots, Secret: said(s.Secret),
		File: filepath.Join(t.TempDir(), "tokens", "a.json")}
	for _, c := range change {
		c(b, &cfg)
	}
	b.Source = New(cfg)
	b.now = func() time.Time { return b.at }
	return b
}

func said(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func (b *bench) get(refused string) string {
	b.t.Helper()
	token, err := b.Token(b.t.Context(), refused)
	if err != nil || !b.lab.Good(token) {
		b.t.Fatalf("%q, %v", token, err)
	}
	return token
}

// fails wants no token, and what is said of it without any secret.
func (b *bench) fails(refused bool, want string) error {
	b.t.Helper()
	_, err := b.Token(b.t.Context(), "")
	e, ok := errors.AsType[*Error](err)
	if err == nil || !strings.Contains(err.Error(), want) || refused != (ok && e.Refused()) {
		b.t.Fatalf("%v (refused %v), want %q", err, ok && e.Refused(), want)
	}
	if strings.Contains(err.Error(), b.lab.Secret) || len(err.Error()) > 700 || strings.ContainsAny(err.Error(), "\x1b\n") {
		b.t.Fatalf("it says %s", err)
	}
	return err
}

func (b *bench) asked(n int) {
	b.t.Helper()
	if got := len(b.lab.Requests()); got != n {
		b.t.Fatalf("%d requests, want %d", got, n)
	}
}

// A token is used until five minutes before its end.
func TestRenewedInTime(t *testing.T) {
	b := newBench(t)
	one := b.get("")
	b.at = b.at.Add(54 * time.Minute)
	if b.get("") != one {
		t.Error("another token")
	}
	b.asked(1)
	b.at = b.at.Add(2 * time.Minute)
	if b.get("") == one {
		t.Error("the old token")
	}
	b.asked(2)
	if r := b.lab.Requests()[1]; r.Grant != "client_credentials" || r.Scope != "mail more" {
		t.Errorf("%+v", r)
	}
	if left := b.Until().Sub(b.at); left < 59*time.Minute || left > time.Hour {
		t.Errorf("it lasts %v", left)
	}
	b.lab.Behave(testserver.TokenBehaviour{Unstated: true})
	b.at = b.at.Add(time.Hour)
	b.get("")
	b.at = b.at.Add(unstated)
	b.get("")
	b.asked(4)
}

// While the endpoint is away the old token is used as long as it lasts, and a
// refusal is believed at once.
func TestEndpointAway(t *testing.T) {
	b := newBench(t)
	one := b.get("")
	b.at = b.at.Add(56 * time.Minute)
	b.lab.Behave(testserver.TokenBehaviour{Error: "temporarily_unavailable", Status: 503})
	if b.get("") != one {
		t.Error("another token")
	}
	b.at = b.at.Add(4 * time.Minute)
	b.fails(false, "temporarily_unavailable")
	b.at = b.at.Add(-4 * time.Minute)
	b.lab.Behave(testserver.TokenBehaviour{Error: "invalid_client", Status: 401})
	b.fails(true, "invalid_client")
}

// A refused token is replaced once if it was used before, and never if it is new.
func TestRefusedToken(t *testing.T) {
	b := newBench(t)
	one := b.get("")
	if b.get(one) != one {
		t.Error("a token that was just made was made again")
	}
	b.asked(1)
	b.get("")
	two := b.get(one)
	if two == one || b.get(two) != two || b.get(one) != two {
		t.Error("not one new token")
	}
	b.asked(2)
}

func TestManyAskAtOnce(t *testing.T) {
	b := newBench(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { b.Token(t.Context(), "") })
	}
	wg.Wait()
	b.asked(1)
}

func TestEndpointRefuses(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		do      testserver.TokenBehaviour
		refused bool
		want    string
	}{
		{testserver.TokenBehaviour{Error: "invalid_client", Status: 401, Text: "AADSTS7000215: Invalid client secret provided.\r\n\x1b[2J Trace ID: 1"}, true, "invalid_client: AADSTS7000215: Invalid client secret provided."},
		{testserver.TokenBehaviour{Error: "invalid_grant", Text: "the secret {secret} is wrong"}, true, "the secret *** is wrong"},
		{testserver.TokenBehaviour{Error: strings.Repeat("x", 5000), Text: strings.Repeat("y", 5000)}, true, "xxx..."},
		{testserver.TokenBehaviour{Error: "server_error", Status: 500}, false, "server_error"},
		{testserver.TokenBehaviour{Error: "invalid_request", Status: 429}, false, "invalid_request"},
		{testserver.TokenBehaviour{Body: "<html>" + b.lab.Secret}, false, "the answer has no token"},
		{testserver.TokenBehaviour{Body: `{"expires_in": "soon", "access_token": "` + b.lab.Secret + `"}`}, false, "the answer has no token"},
		{testserver.TokenBehaviour{Body: `{}`}, false, "the answer has no token"},
		{testserver.TokenBehaviour{Endless: true}, false, "the answer has no token"},
		{testserver.TokenBehaviour{Location: "http://127.0.0.1:1/token"}, false, "redirects are not followed"},
	} {
		b.lab.Behave(c.do)
		b.fails(c.refused, c.want)
	}
	b.lab.Close()
	b.fails(false, "refused") // Windows: the target machine actively refused it
}

func TestStallEndsWithContext(t *testing.T) {
	b := newBench(t)
	b.lab.Behave(testserver.TokenBehaviour{Stall: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(b.lab.Requests()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := b.Token(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if b.client.Timeout != requestLimit {
		t.Error("no limit without a context")
	}
}

func TestOnlyHTTPS(t *testing.T) {
	for endpoint, ok := range map[string]bool{"https://a.example.com/t": true, "http://127.0.0.1/t": true, "http://[::1]:1/t": true, "http://localhost:1/t": true,
		"http://a.example.com/t": false, "http://127.0.0.1.example.com/t": false, "ftp://localhost/t": false, "x": false, "": false} {
		if err := allowed(endpoint); (err == nil) != ok {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	b := newBench(t, func(_ *bench, c *Config) { c.TokenURL = "http://login.example.com/t" })
	b.fails(false, "allowed only for loopback")
}

// pair makes a key with a certificate that is good until end.
func pair(t *testing.T, end time.Time) (text string, key *rsa.PrivateKey, der []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err = x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: end}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	p8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: p8})), key, der
}

func TestCertificate(t *testing.T) {
	text, key, der := pair(t, time.Now().Add(time.Hour))
	long, short := sha256.Sum256(der), sha1.Sum(der)
	for entra, alg := range map[bool]string{true: "PS256", false: "RS256"} {
		b := newBench(t, func(b *bench, c *Config) {
			c.Secret, c.Certificate, c.Entra = nil, said(text), entra
			b.lab.Trust(&key.PublicKey)
		})
		b.get("")
		r := b.lab.Requests()[0]
		x5t, _ := r.Header["x5t"].(string)
		if r.Header["alg"] != alg || r.Header["x5t#S256"] != base64.RawURLEncoding.EncodeToString(long[:]) || (x5t == "") != entra || !entra && x5t != base64.RawURLEncoding.EncodeToString(short[:]) {
			t.Errorf("%v", r.Header)
		}
		if r.Claims["iss"] != b.lab.ClientID || r.Claims["sub"] != b.lab.ClientID || r.Claims["jti"] == "" {
			t.Errorf("%v", r.Claims)
		}
	}
	late, _, _ := pair(t, time.Now().Add(-time.Hour))
	other, _, _ := pair(t, time.Now().Add(time.Hour))
	cut := strings.Index(text, "-----BEGIN PRIVATE")
	for bad, want := range map[string]string{"": "no key or no certificate", text[:cut]: "no key or no certificate", text[cut:] + other[:strings.Index(other, "-----BEGIN PRIVATE")]: "belongs to another key", late: "expired on"} {
		b := newBench(t, func(_ *bench, c *Config) { c.Secret, c.Certificate = nil, said(bad) })
		b.fails(false, want)
		b.asked(0)
	}
}

func TestServiceAccount(t *testing.T) {
	text, key, _ := pair(t, time.Now().Add(time.Hour))
	file, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "grab@x.iam.gserviceaccount.com", "private_key": text[strings.Index(text, "-----BEGIN PRIVATE"):], "private_key_id": "k1"})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(b *bench, c *Config) {
		c.Secret, c.ClientID, c.ServiceAccount = nil, "", said(string(file))
		b.lab.Trust(&key.PublicKey)
	})
	b.get("")
	r := b.lab.Requests()[0]
	if r.Header["kid"] != "k1" || r.Header["alg"] != "RS256" || r.Claims["iss"] != "grab@x.iam.gserviceaccount.com" || r.Claims["sub"] != user || r.Claims["scope"] != "mail more" || r.Scope != "" {
		t.Errorf("%+v", r)
	}
	b = newBench(t, func(_ *bench, c *Config) { c.Secret, c.ServiceAccount = nil, said(`{"type": "authorized_user"}`) })
	b.fails(false, "not a service account key")
}

// A rotated refresh token is on disk before its access token is given; another
// process goes on from it; a newly configured one takes its place.
func TestRefreshTokenRotates(t *testing.T) {
	b := newBench(t, func(b *bench, c *Config) { c.RefreshToken = said("first"); b.lab.SetRefresh("first") })
	b.lab.Behave(testserver.TokenBehaviour{Rotate: true})
	b.get("")
	if fi, err := os.Stat(b.cfg.File); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0 {
		t.Fatalf("%v %v", fi, err)
	}
	if text, _ := os.ReadFile(b.cfg.File); !strings.Contains(string(text), b.lab.Refresh()) || strings.Contains(string(text), "first\"}") {
		t.Errorf("%s", text)
	}
	other := &bench{Source: New(b.cfg), t: t, lab: b.lab, at: b.at}
	other.get("")
	b.at = b.at.Add(time.Hour)
	b.get("") // by what the other left

	b.cfg.RefreshToken = said("second")
	b.lab.SetRefresh("second")
	b.at = b.at.Add(time.Hour)
	b.get("")
	if used := b.lab.Requests()[3].Refresh; used != "second" {
		t.Errorf("it used %s", used)
	}
	b.lab.SetRefresh("gone")
	b.at = b.at.Add(time.Hour)
	b.fails(true, "invalid_grant")
}

// A rotated token that cannot be saved gives no access token, is not lost, and is
// saved before anything else is asked.
func TestRefreshTokenCannotBeSaved(t *testing.T) {
	b := newBench(t, func(b *bench, c *Config) { c.RefreshToken = said("first"); b.lab.SetRefresh("first") })
	b.lab.Behave(testserver.TokenBehaviour{Rotate: true})
	next := b.client.Transport
	b.client.Transport = after(func(r *http.Request) (*http.Response, error) {
		defer os.MkdirAll(filepath.Join(b.cfg.File, "in the way"), 0o700) // a folder: no file can take its name
		return next.RoundTrip(r)
	})
	for range 2 {
		if token, err := b.Token(t.Context(), ""); err == nil || token != "" || strings.Contains(err.Error(), b.lab.Refresh()) {
			t.Fatalf("%q, %v", token, err)
		}
		b.asked(1)
	}
	b.client.Transport = next
	os.RemoveAll(b.cfg.File)
	kept := b.lab.Refresh()
	b.get("")
	if used := b.lab.Requests()[1].Refresh; used != kept {
		t.Errorf("it used %s, the good one was %s", used, kept)
	}
}

type after func(*http.Request) (*http.Response, error)

func (f after) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
