package diagnostics

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/nodehttp"
)

const (
	callLimit = time.Minute // for one short answer
	maxAnswer = 64 << 10
)

// An API is that of one appliance. It is safe for concurrent use.
type API struct {
	Host  string // for errors
	Node  nodehttp.Node
	Login *ledger.Login

	mu   sync.Mutex
	path string // of diagnostic logging; empty: it was not looked for
}

// User is the account that is used.
func (a *API) User() string { return a.Login.User }

// Blocked is what stops the account, nil if nothing does.
func (a *API) Blocked() error {
	err := a.Login.Blocked()
	if err == nil {
		return nil
	}
	if _, blocked := errors.AsType[*ledger.BlockedError](err); blocked {
		return a.err(KindBlocked, err)
	}
	return a.err(KindLocal, err)
}

func (a *API) err(kind Kind, err error) *Error {
	return &Error{Kind: kind, Host: a.Host, Address: a.Node.Address, Err: err}
}

// send makes a request. The body of the answer is the caller's to close.
func (a *API) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	attempt, err := a.Login.Begin(ctx, false)
	if err != nil {
		return nil, a.loginError(ctx, err)
	}
	defer attempt.Unknown() // does nothing after another outcome

	r, err := http.NewRequestWithContext(ctx, method, "https://"+a.Node.Address+path, bytes.NewReader(body))
	if err != nil {
		return nil, a.err(KindLocal, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-CSRF-Header", "grab") // releases that protect themselves ask for one, with any value
	r.Header.Set("User-Agent", "grab")
	r.SetBasicAuth(a.Login.User, attempt.Password)
	reply, err := a.Node.Do(ctx, r)
	if err != nil {
		return nil, a.transportError(ctx, err)
	}
	switch code := reply.StatusCode; {
	case code == http.StatusUnauthorized:
		attempt.Refused(a.Host)
	case code < 300, code == http.StatusBadRequest, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		attempt.Accepted()
	}
	return reply, nil
}

func (a *API) loginError(ctx context.Context, err error) error {
	switch _, blocked := errors.AsType[*ledger.BlockedError](err); {
	case blocked:
		return a.err(KindBlocked, err)
	case ctx.Err() != nil:
		return a.err(KindCanceled, context.Cause(ctx))
	}
	return a.err(KindLocal, err)
}

func (a *API) transportError(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return a.err(KindCertificate, cert.Err)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return a.err(KindCanceled, context.Cause(ctx))
	}
	return a.err(KindUnreachable, err)
}

// ask makes a request with a short answer, and is that if the status is 200.
func (a *API) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	limited, cancel := context.WithTimeoutCause(ctx, callLimit, errors.New("no whole answer within a minute"))
	defer cancel()
	reply, err := a.send(limited, method, path, body)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswer+1))
	switch {
	case reply.StatusCode >= 300:
		return nil, a.refusal(reply.StatusCode, text)
	case err != nil && ctx.Err() != nil:
		return nil, a.err(KindCanceled, context.Cause(ctx))
	case err != nil:
		return nil, a.err(KindUnreachable, err)
	case len(text) > maxAnswer:
		return nil, a.err(KindAnswer, errors.New("the answer is too large"))
	}
	return text, nil
}

// refusal is the error of an answer that is none.
func (a *API) refusal(status int, text []byte) *Error {
	e := a.err(KindSaid, nil)
	e.Status = status
	switch status {
	case http.StatusUnauthorized:
		e.Kind = KindRefused
		return e
	case http.StatusForbidden:
		e.Kind = KindRole
	case http.StatusNotFound:
		e.Kind = KindAbsent
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		e.Kind = KindUnreachable
	case http.StatusBadRequest, http.StatusConflict:
	default:
		e.Kind = KindAnswer
	}
	var said struct{ Message string }
	if json.Unmarshal(text, &said) != nil || said.Message == "" {
		said.Message = string(text[:min(len(text), 300)])
	}
	e.Text = evidence.Printable(http.StatusText(status)+": "+said.Message, 300)
	return e
}

// order has diagnostic logging do something. Some releases take POST in place of PUT.
func (a *API) order(ctx context.Context, mode string, more ...string) error {
	path, err := a.Find(ctx)
	if err != nil {
		return err
	}
	_, err = a.ask(ctx, http.MethodPut, path, orderBody(mode, more...))
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusMethodNotAllowed {
		_, err = a.ask(ctx, http.MethodPost, path, orderBody(mode, more...))
	}
	return err
}

func orderBody(mode string, more ...string) []byte {
	fields := map[string]string{"Mode": mode}
	for i := 0; i+1 < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return []byte("{}") // not of strings
	}
	return b
}

// Start has it begin, on this peer and those of its cluster. It raises log levels.
func (a *API) Start(ctx context.Context) error { return a.order(ctx, "start", "TCPDump", "off") }

// Stop has it end, whoever began it.
func (a *API) Stop(ctx context.Context) error { return a.order(ctx, "stop") }

// Collect has it put together what is to be downloaded of this peer.
func (a *API) Collect(ctx context.Context) error { return a.order(ctx, "collect") }

// Status is what it shows.
func (a *API) Status(ctx context.Context) (Shown, error) {
	path, err := a.Find(ctx)
	if err != nil {
		return nil, err
	}
	text, err := a.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	s, err := ReadShown(text)
	if err != nil {
		return nil, a.err(KindAnswer, err)
	}
	return s, nil
}

// Download opens what was collected, as it comes, and says what the appliance calls it.
func (a *API) Download(ctx context.Context) (body io.ReadCloser, named string, err error) {
	path, err := a.Find(ctx)
	if err != nil {
		return nil, "", err
	}
	reply, err := a.send(ctx, http.MethodPut, path, orderBody("download"))
	if err == nil && reply.StatusCode == http.StatusMethodNotAllowed {
		reply.Body.Close()
		reply, err = a.send(ctx, http.MethodPost, path, orderBody("download"))
	}
	if err != nil {
		return nil, "", err
	}
	if reply.StatusCode >= 300 {
		defer reply.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(reply.Body, maxAnswer))
		return nil, "", a.refusal(reply.StatusCode, text)
	}
	return reply.Body, nameOf(reply.Header.Get("Content-Disposition")), nil
}

// nameOf is the file's name in a Content-Disposition, for people. It may have colons.
func nameOf(header string) string {
	_, name, _ := strings.Cut(header, "filename=")
	name, _, _ = strings.Cut(strings.Trim(strings.TrimSpace(name), `"`), `"`)
	return evidence.Printable(name, 200)
}
