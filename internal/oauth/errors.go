package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"rtmtgrab/internal/redact"

	"golang.org/x/oauth2"
)

// An Error is a request that brought no token.
type Error struct {
	Endpoint string // host of the token endpoint
	Status   int    // of HTTP; 0: there was no answer
	Code     string // the endpoint's error, such as invalid_client; may be empty
	Text     string // the endpoint's error_description, printable
	Err      error  // why there was no usable answer; nil if Code is set
}

func (e *Error) Error() string {
	s := "token endpoint " + e.Endpoint + ": "
	switch {
	case e.Code != "" && e.Text != "":
		return s + e.Code + ": " + e.Text
	case e.Code != "":
		return s + e.Code
	case e.Err != nil:
		return s + e.Err.Error()
	}
	return fmt.Sprintf("%sHTTP status %d %s", s, e.Status, http.StatusText(e.Status))
}

// Unwrap is the reason.
func (e *Error) Unwrap() error { return e.Err }

// Refused reports whether the endpoint judged the request, which would fare no
// better if it came again.
func (e *Error) Refused() bool {
	switch e.Code {
	case "", "temporarily_unavailable", "server_error", "slow_down":
		return false
	}
	return e.Status < 500 && e.Status != http.StatusTooManyRequests
}

// told makes an Error of what the oauth2 package says, whose own words may hold
// the answer itself.
func told(ctx context.Context, endpoint string, err error) error {
	e := &Error{Endpoint: endpoint}
	if u, bad := url.Parse(endpoint); bad == nil {
		e.Endpoint = u.Host
	}
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		e.Status = r.Response.StatusCode
		e.Code, e.Text = redact.Foreign(r.ErrorCode, 60), redact.Foreign(r.ErrorDescription, 400)
		if e.Code == "" && e.Status >= 300 && e.Status < 400 {
			e.Err = fmt.Errorf("HTTP status %d: redirects are not followed", e.Status)
		}
		return e
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = redact.Error(u.Err)
		return e
	}
	if ctx.Err() != nil { // while the answer came
		e.Err = context.Cause(ctx)
		return e
	}
	e.Status, e.Err = http.StatusOK, errors.New("the answer has no token")
	return e
}
