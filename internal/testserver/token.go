package testserver

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/lab/rtmt"
)

// A TokenServer is an OAuth2 token endpoint on a free port of 127.0.0.1. It knows
// one client, whose access tokens are for User. It is safe for concurrent use.
type TokenServer struct {
	User, ClientID, Secret string

	caPEM  []byte
	https  endpoint
	plain  endpoint
	wg     sync.WaitGroup
	cancel context.CancelFunc

	mu       sync.Mutex
	do       TokenBehaviour
	key      *rsa.PublicKey       // verifies assertions; nil: none are taken
	tokens   map[string]time.Time // access tokens and their ends
	refresh  string               // the refresh token that is good now; "": none
	requests []TokenRequest
}

// An endpoint is an HTTP server at an address of its own.
type endpoint struct {
	server *http.Server // nil: not started
	addr   string
}

// TokenBehaviour says what the endpoint does; the zero value works.
type TokenBehaviour struct {
	Life      time.Duration // of access tokens; zero: an hour
	Unstated  bool          // expires_in is left out
	Error     string        // an OAuth error in place of a token
	Text      string        // its error_description; {secret} becomes what the client sent
	Status    int           // of HTTP, with an error; zero: 400
	Stall     bool          // nothing is answered
	Endless   bool          // the answer never ends
	Body      string        // the answer as it is, with status 200
	Location  string        // the client is sent elsewhere
	Rotate    bool          // each use of a refresh token makes a new one, and the old one void
	Worthless bool          // tokens are given that the mail server refuses
}

// A TokenRequest is what a client sent, as far as it is of interest.
type TokenRequest struct {
	Grant, Scope, Refresh string
	Header, Claims        map[string]any // of the assertion, whose signature was good
}

// NewTokenServer starts one that lives until Close.
func NewTokenServer(user string) (*TokenServer, error) {
	ca, conf, err := rtmt.NewTLS()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &TokenServer{User: user, ClientID: "11111111-2222-3333-4444-555555555555", Secret: rand.Text(), caPEM: ca, cancel: cancel, tokens: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("/introspect", s.introspect)
	mux.HandleFunc("/introspect/", s.introspect)
	serve := func(conf *tls.Config) (endpoint, error) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return endpoint{}, err
		}
		addr := ln.Addr().String()
		if conf != nil {
			ln = tls.NewListener(ln, conf)
		}
		srv := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0), BaseContext: func(net.Listener) context.Context { return ctx }}
		s.wg.Go(func() { srv.Serve(ln) })
		return endpoint{srv, addr}, nil
	}
	if s.https, err = serve(conf); err == nil {
		s.plain, err = serve(nil)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("start token server: %w", err)
	}
	return s, nil
}

// Close ends it and whatever it stalls.
func (s *TokenServer) Close() error {
	s.cancel()
	for _, e := range []endpoint{s.https, s.plain} {
		if e.server != nil {
			e.server.Close()
		}
	}
	s.wg.Wait()
	return nil
}

// URL is the endpoint, by https.
func (s *TokenServer) URL() string { return "https://" + s.https.addr + "/token" }

// Introspection is where a mail server asks about tokens, by http: an address to
// which it appends nothing.
func (s *TokenServer) Introspection() string { return "http://" + s.plain.addr + "/introspect" }

// CAPEM is the certificate of its CA.
func (s *TokenServer) CAPEM() []byte { return slices.Clone(s.caPEM) }

// Behave changes what it does from now on.
func (s *TokenServer) Behave(b TokenBehaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do = b
}

// Trust takes assertions that are signed with this key.
func (s *TokenServer) Trust(key *rsa.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// SetRefresh makes a refresh token the good one.
func (s *TokenServer) SetRefresh(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh = token
}

// Refresh is the refresh token that is good now.
func (s *TokenServer) Refresh() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh
}

// Revoke makes all access tokens void.
func (s *TokenServer) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Good reports whether an access token is.
func (s *TokenServer) Good(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.tokens[token])
}

// Tokens lists the access tokens that were given and are not revoked.
func (s *TokenServer) Tokens() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.tokens))
}

// Requests lists what was asked.
func (s *TokenServer) Requests() []TokenRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *TokenServer) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "bad form", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	do := s.do
	req := TokenRequest{Grant: r.PostForm.Get("grant_type"), Scope: r.PostForm.Get("scope"), Refresh: r.PostForm.Get("refresh_token")}
	why := s.judge(r, &req)
	s.requests = append(s.requests, req)
	s.mu.Unlock()
	switch {
	case do.Stall:
		<-r.Context().Done()
	case do.Endless:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"`)
		for more := []byte(strings.Repeat("x", 32<<10)); ; {
			if _, err := w.Write(more); err != nil {
				return
			}
		}
	case do.Location != "":
		http.Redirect(w, r, do.Location, http.StatusTemporaryRedirect)
	case do.Body != "":
		w.Write([]byte(do.Body))
	case do.Error != "":
		sent := r.PostForm.Get("client_secret") + r.PostForm.Get("client_assertion") + r.PostForm.Get("assertion") + r.PostForm.Get("refresh_token")
		answerError(w, do.Status, do.Error, strings.ReplaceAll(do.Text, "{secret}", sent))
	case why != "":
		answerError(w, http.StatusBadRequest, why, "the laboratory refuses")
	default:
		s.grant(w, do, req)
	}
}

func answerError(w http.ResponseWriter, status int, code, text string) {
	if status == 0 {
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": text})
}

// grant gives a token.
func (s *TokenServer) grant(w http.ResponseWriter, do TokenBehaviour, req TokenRequest) {
	life := do.Life
	if life == 0 {
		life = time.Hour
	}
	access := "access-" + rand.Text()
	answer := map[string]any{"token_type": "Bearer", "access_token": access}
	if !do.Unstated {
		answer["expires_in"] = int(life / time.Second)
	}
	s.mu.Lock()
	if !do.Worthless {
		s.tokens[access] = time.Now().Add(life)
	}
	if req.Grant == "refresh_token" && do.Rotate {
		s.refresh = "refresh-" + rand.Text()
		answer["refresh_token"] = s.refresh
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// judge is the OAuth error that a request deserves, "" if it is right. mu is held.
func (s *TokenServer) judge(r *http.Request, req *TokenRequest) string {
	form := r.PostForm
	assertion := form.Get("assertion")
	if req.Grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		assertion = form.Get("client_assertion")
		switch {
		case form.Get("client_id") != s.ClientID:
			return "invalid_client"
		case assertion == "" && form.Get("client_secret") != s.Secret:
			return "invalid_client"
		}
	}
	if assertion != "" {
		var ok bool
		if req.Header, req.Claims, ok = s.verify(assertion); !ok {
			return "invalid_client"
		}
	}
	switch {
	case req.Grant == "refresh_token" && (s.refresh == "" || req.Refresh != s.refresh):
		return "invalid_grant"
	case req.Grant == "urn:ietf:params:oauth:grant-type:jwt-bearer" && req.Claims["sub"] != s.User:
		return "invalid_grant"
	case req.Grant != "refresh_token" && req.Grant != "client_credentials" && req.Grant != "urn:ietf:params:oauth:grant-type:jwt-bearer":
		return "unsupported_grant_type"
	}
	return ""
}

// verify checks a JWT's signature (RS256 or PS256), audience and time.
func (s *TokenServer) verify(jwt string) (header, claims map[string]any, ok bool) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 || s.key == nil {
		return nil, nil, false
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || part(parts[0], &header) != nil || part(parts[1], &claims) != nil {
		return nil, nil, false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if header["alg"] == "PS256" {
		err = rsa.VerifyPSS(s.key, crypto.SHA256, sum[:], sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		err = rsa.VerifyPKCS1v15(s.key, crypto.SHA256, sum[:], sig)
	}
	end, _ := claims["exp"].(float64)
	begin, _ := claims["iat"].(float64)
	now := float64(time.Now().Unix())
	return header, claims, err == nil && claims["aud"] == s.URL() && begin <= now && now < end
}

func part(s string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// introspect tells a mail server about a token (RFC 7662): given in the form, or
// as the bearer of the request.
func (s *TokenServer) introspect(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	if token == "" {
		token, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	w.Header().Set("Content-Type", "application/json")
	if !s.Good(token) {
		json.NewEncoder(w).Encode(map[string]any{"active": false})
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"active": true, "username": s.User, "email": s.User, "client_id": s.ClientID, "scope": "mail"})
}
