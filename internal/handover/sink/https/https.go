// Package https hands bundles over by an HTTP PUT or POST.
//
// It guarantees what package web does, and that a bundle which was put counts as delivered
// only if the server's answer says so and its own size and hash of it, where it gives
// them, are right. A repeated PUT leaves one copy. A repeated POST bears the same
// Idempotency-Key; a server that does not heed it may end up with two.
package https

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/web"
	"rtmtgrab/internal/redact"
)

// A Sink is an address that bundles are put or posted to.
type Sink struct {
	URL    func() (string, error) // with PUT the name is added, or stands for {name}
	Hidden bool                   // the URL is a secret: a Place has no more of it than its host
	Method string                 // PUT or POST

	User     func() (string, error) // with Password; nil: no basic authentication
	Password func() (string, error)
	Bearer   func() (string, error) // nil: none
	Headers  []Header

	Client  web.Client
	Trusted bool // the server is known to keep what it confirms: it is not asked again

	// Confirms are the only statuses by which the server says that it has what was sent; none:
	// 200, 201, 202 and 204.
	Confirms []int
}

// A Header is a further header field. {name}, {case} and {sha256} in it stand for those of
// the bundle.
type Header struct {
	Name  string
	Value func() (string, error)
}

// Deliver puts or posts an artifact.
func (s *Sink) Deliver(ctx context.Context, a sink.Artifact) (sink.Receipt, error) {
	var receipt sink.Receipt
	target, err := s.target(a)
	if err != nil {
		return receipt, err
	}
	receipt.Place = s.place(target)
	client, done, err := s.Client.HTTP()
	if err != nil {
		return receipt, err
	}
	defer done()

	receipt.Sent, err = s.upload(ctx, client, target, a, a.Size > 0)
	if err != nil {
		return receipt, err
	}
	receipt.Verified = sink.ByStatus
	if s.Method == http.MethodPut && !s.Trusted {
		receipt.Verified, err = s.verify(ctx, client, target, a)
	}
	return receipt, err
}

// target is where an artifact is sent.
func (s *Sink) target(a sink.Artifact) (*url.URL, error) {
	text, err := s.URL()
	if err != nil {
		return nil, web.Setting(err)
	}
	if s.Hidden {
		redact.AddURL(text)
	}
	named := strings.Contains(text, "{name}")
	text = strings.NewReplacer("{name}", url.PathEscape(a.Name), "{case}", url.PathEscape(a.Case)).Replace(text)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, web.Setting(errors.New("the address is not a URL: write https://HOST/PATH"))
	}
	if s.Method == http.MethodPut && !named {
		u = u.JoinPath(url.PathEscape(a.Name))
	}
	return u, nil
}

// place is where an artifact is, without what may be secret of it.
func (s *Sink) place(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if s.Hidden {
		shown.Path = "/.../" + path.Base(u.Path)
		if s.Method == http.MethodPost {
			shown.Path = "/..."
		}
	}
	return shown.String()
}

// upload sends the artifact. The server is asked first whether it takes the body: then a
// refused login, a redirect or a size that is too large costs no upload. If it knows nothing
// of that it gets the body once more.
func (s *Sink) upload(ctx context.Context, client *http.Client, target *url.URL, a sink.Artifact, ask bool) (int64, error) {
	src, err := sink.Open(ctx, a)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	req, err := s.request(ctx, s.Method, target, a)
	if err != nil {
		return 0, err
	}
	req.Body, req.ContentLength = io.NopCloser(src), a.Size
	if a.Size == 0 {
		req.Body = http.NoBody
	}
	if ask {
		req.Header.Set("Expect", "100-continue")
		req.Close = true // or an answer without it would be followed by the body, to keep the connection
	}
	resp, err := client.Do(req)
	if err != nil {
		return src.Sent(), web.Failed(ctx, err, src.Sent() == a.Size)
	}
	if resp.StatusCode == http.StatusExpectationFailed && ask {
		web.Drain(resp)
		return s.upload(ctx, client, target, a, false)
	}
	if failed := web.Answered(resp, src.Sent() == a.Size); failed != nil {
		return src.Sent(), s.meant(failed, resp.StatusCode)
	}
	if src.Sent() != a.Size {
		return src.Sent(), &sink.Error{Cause: sink.Mismatch, Unknown: true, Err: fmt.Errorf("it answered %d when it had got %d of %d bytes", resp.StatusCode, src.Sent(), a.Size)}
	}
	if len(s.Confirms) > 0 && !slices.Contains(s.Confirms, resp.StatusCode) {
		return src.Sent(), &sink.Error{Cause: sink.Rejected, Permanent: true, Unknown: true,
			Err: fmt.Errorf("it answered %d %s, which does not say that it has the bundle: look there", resp.StatusCode, http.StatusText(resp.StatusCode))}
	}
	return src.Sent(), nil
}

// meant is what a status means beside what it always means.
func (s *Sink) meant(e *sink.Error, code int) *sink.Error {
	if s.Method == http.MethodPost && code == http.StatusConflict {
		e.Cause, e.Permanent, e.Unknown = sink.Busy, false, true // the request of the same key is still under way
	}
	return e
}

// request is one that bears who asks.
func (s *Sink) request(ctx context.Context, method string, target *url.URL, a sink.Artifact) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, web.Setting(errors.New("the address is not a URL"))
	}
	req.Header.Set("User-Agent", "grab")
	if method == http.MethodPut || method == http.MethodPost {
		sum, err := hex.DecodeString(a.SHA256)
		if err != nil {
			return nil, web.Local(fmt.Errorf("no SHA-256 of %s", a.Name))
		}
		digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":" // RFC 9530
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set("Content-Digest", digest)
		req.Header.Set("Repr-Digest", digest)
	}
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", a.ID)
		req.Header.Set("Content-Disposition", `attachment; filename="`+plain(a.Name)+`"`)
	}
	if err := s.headers(req, a); err != nil {
		return nil, err
	}
	return req, s.login(req)
}

func (s *Sink) headers(req *http.Request, a sink.Artifact) error {
	fill := strings.NewReplacer("{name}", plain(a.Name), "{case}", plain(a.Case), "{sha256}", a.SHA256)
	for _, h := range s.Headers {
		v, err := h.Value()
		if err != nil {
			return web.Setting(fmt.Errorf("header field %s: %w", h.Name, err))
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return web.Setting(fmt.Errorf("header field %s has a line break or another control character in it", h.Name))
		}
		req.Header.Set(h.Name, fill.Replace(v))
	}
	return nil
}

// login says who asks.
func (s *Sink) login(req *http.Request) error {
	switch {
	case s.Bearer != nil:
		token, err := s.Bearer()
		if err != nil {
			return web.Setting(err)
		}
		redact.Add(token)
		req.Header.Set("Authorization", "Bearer "+token)
	case s.User != nil:
		user, err := s.User()
		if err != nil {
			return web.Setting(err)
		}
		password, err := s.Password()
		if err != nil {
			return web.Setting(err)
		}
		redact.Add(password)
		redact.Add(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))
		req.SetBasicAuth(user, password)
	}
	return nil
}

var unquotable = regexp.MustCompile(`[^A-Za-z0-9._~ -]`)

// plain is a name as it can stand in a header field.
func plain(s string) string { return unquotable.ReplaceAllString(s, "_") }
