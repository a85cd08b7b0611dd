package https

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/web"
	"rtmtgrab/internal/redact"
)

// verify asks the server what it has. Many let nobody see what was put there: their answer
// to the PUT has to do.
func (s *Sink) verify(ctx context.Context, client *http.Client, target *url.URL, a sink.Artifact) (by string, err error) {
	req, err := s.request(ctx, http.MethodHead, target, a)
	if err != nil {
		return "", err
	}
	req.Header.Set("Want-Repr-Digest", "sha-256=10")
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := client.Do(req)
	if err != nil {
		return "", web.Failed(ctx, err, true)
	}
	web.Drain(resp)
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests || code >= 500 && code != http.StatusNotImplemented:
		e := web.Status(code)
		e.Unknown, e.Err = true, fmt.Errorf("it took the bundle, and answered %d %s when it was asked for it", code, http.StatusText(code))
		return "", e
	case code != http.StatusOK:
		return sink.ByStatus, nil
	}
	return judge(resp, a)
}

// judge compares what a server says of what it has.
func judge(resp *http.Response, a sink.Artifact) (by string, err error) {
	if n := resp.ContentLength; n >= 0 && n != a.Size && resp.Header.Get("Content-Encoding") == "" {
		if n == 0 && a.Size > 0 && resp.Header.Get("Content-Length") == "" {
			return sink.ByStatus, nil // of an answer without a body
		}
		return "", &sink.Error{Cause: sink.Mismatch, Unknown: true, Err: fmt.Errorf("the server has %d bytes, not %d", n, a.Size)}
	}
	known := digests(resp.Header)
	for _, d := range known {
		if d != a.SHA256 {
			return "", &sink.Error{Cause: sink.Mismatch, Unknown: true, Err: fmt.Errorf("the server's SHA-256 of it is %.64s, not %s", redact.Foreign(d, 64), a.SHA256)}
		}
	}
	if len(known) > 0 {
		return sink.BySHA256, nil
	}
	if resp.Header.Get("Content-Length") != "" && resp.Header.Get("Content-Encoding") == "" {
		return sink.BySize, nil
	}
	return sink.ByStatus, nil
}

// digests are the SHA-256s that an answer bears, hex: by RFC 9530, by RFC 3230 before it,
// and as stores of artifacts say it.
func digests(h http.Header) (out []string) {
	for _, field := range []string{"Repr-Digest", "Content-Digest", "Digest"} {
		for _, v := range h.Values(field) {
			for part := range strings.SplitSeq(v, ",") {
				name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
				if !strings.EqualFold(name, "sha-256") {
					continue
				}
				if b, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":")); err == nil && len(b) == 32 {
					out = append(out, hex.EncodeToString(b))
				}
			}
		}
	}
	if v := strings.ToLower(h.Get("X-Checksum-Sha256")); len(v) == 64 {
		out = append(out, v)
	}
	return out
}

// Check asks with the credentials of an upload, and sends nothing.
func (s *Sink) Check(ctx context.Context) error {
	target, err := s.target(sink.Artifact{Name: "grab-check"})
	if err != nil {
		return err
	}
	client, done, err := s.Client.HTTP()
	if err != nil {
		return err
	}
	defer done()
	req, err := s.request(ctx, http.MethodHead, target, sink.Artifact{Name: "grab-check"})
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return web.Failed(ctx, err, false)
	}
	web.Drain(resp)
	code := resp.StatusCode
	e := web.Status(code)
	switch {
	case code/100 == 2, e.Cause == sink.Rejected && code != http.StatusRequestEntityTooLarge:
		return nil // it was reached and let us ask; many know nothing of HEAD, and there is no such file yet
	case code == http.StatusNotImplemented:
		return nil
	}
	e.Err = web.Answer(code)
	if e.Cause == sink.Redirect {
		e.Err = errors.New(e.Err.Error() + web.Elsewhere(resp))
	}
	return e
}
