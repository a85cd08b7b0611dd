package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// dialWait bounds the connecting: a watcher that is alive takes it at once.
const dialWait = 5 * time.Second

// A Client speaks to the watcher that listens on Path. Its errors are ErrNone if nobody
// does, ErrLong if nobody can, ErrDenied if this user may not speak to it, ErrSilent if it lets the context's time
// run out, *Failure if it says no, ErrLost if it does not come to the end of its answer. It is safe for concurrent use.
type Client struct {
	Path string

	dial func(ctx context.Context) (net.Conn, error) // tests; nil: to Path
}

// HTTP is a client for any request, whose URL's host counts for nothing. It waits
// Patience for the answer and for each part of it.
func (c *Client) HTTP() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				ctx, cancel := context.WithTimeout(ctx, dialWait)
				defer cancel()
				conn, err := c.connect(ctx)
				if err != nil {
					return nil, err
				}
				return &patient{Conn: conn}, nil
			},
		},
	}
}

func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	if c.dial != nil {
		return c.dial(ctx)
	}
	return dial(ctx, c.Path)
}

// patient is a connection on which silence is an error: a little before Patience, for
// net/http notices it only when the next sign of life is sent. Once the other side has answered, what it
// does not take any more is no error: net/http would throw away what it said last, and was not read yet.
type patient struct {
	net.Conn
	answered atomic.Bool
}

func (p *patient) Read(b []byte) (int, error) {
	p.SetReadDeadline(time.Now().Add(Patience - alive))
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.answered.Store(true)
	}
	return n, err
}

func (p *patient) Write(b []byte) (int, error) {
	p.SetWriteDeadline(time.Now().Add(Patience))
	n, err := p.Conn.Write(b)
	if err != nil && p.answered.Load() {
		return len(b), nil // reading says how it ended
	}
	return n, err
}

// Do makes a short request. in is sent as JSON unless nil, the answer is decoded into
// out unless nil.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("the answer to %s is larger than %d MiB", path, maxAnswer>>20)
	}
	if silent := c.silent(ctx); err != nil && silent != nil {
		return silent
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%w: unexpected answer to %s: %w", ErrLost, path, err)
	}
	return nil
}

// Get is the answer to a request for bytes, whose body is to be closed. The context
// bounds the reading too.
func (c *Client) Get(ctx context.Context, path string) (*http.Response, error) {
	return c.send(ctx, http.MethodGet, path, nil)
}

// send makes a request; an answer other than 200 is a *Failure.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://grab"+path, body)
	if err != nil {
		return nil, err
	}
	req.Close = true
	resp, err := c.HTTP().Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		if silent := c.silent(ctx); silent != nil {
			return nil, silent
		}
		if errors.Is(err, ErrNone) || errors.Is(err, ErrDenied) || errors.Is(err, ErrSilent) || errors.Is(err, ErrLong) || ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var f Failure
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxRequest))
	if json.Unmarshal(b, &f) != nil || f.Message == "" {
		f = Failure{Message: fmt.Sprintf("the running grab watch answers %s %s", path, resp.Status)}
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
			f.Hint = "it may be an older version: restart it"
		}
	}
	if f.Exit == 0 {
		f.Exit = 1
	}
	return nil, &f
}

// silent is that somebody has the socket and nothing came of him in the time that was his.
func (c *Client) silent(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w on %s", ErrSilent, c.Path)
	}
	return nil
}

// Work has a long work done and returns its result; progress is told of each word
// about it, in order, and stop, closed, asks for its early end. When ctx ends, the
// watcher takes the client for gone.
func (c *Client) Work(ctx context.Context, path string, in any, stop <-chan struct{}, progress func(json.RawMessage)) (json.RawMessage, error) {
	first, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	pr, pw := io.Pipe()
	said := make(chan struct{})
	go func() {
		defer close(said)
		pw.CloseWithError(talk(ctx, pw, append(first, '\n'), stop))
	}()
	defer func() {
		cancel()
		pr.Close()
		<-said
	}()
	resp, err := c.send(ctx, http.MethodPost, path, pr)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	in2 := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		b, err := readLine(in2, maxAnswer)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("%w: %w", ErrLost, err)
		}
		var l line
		if err := json.Unmarshal(b, &l); err != nil {
			return nil, fmt.Errorf("%w: unexpected answer: %w", ErrLost, err)
		}
		switch {
		case l.Error != nil:
			return nil, &Failure{*l.Error, l.Hint, max(l.Exit, 1)}
		case l.Result != nil:
			return l.Result, nil
		case l.Progress != nil && progress != nil:
			progress(l.Progress)
		}
	}
}

// talk sends the request, then signs of life, and stop when it is closed, until ctx
// ends or nobody reads.
func talk(ctx context.Context, w io.Writer, first []byte, stop <-chan struct{}) error {
	if _, err := w.Write(first); err != nil {
		return err
	}
	tick := time.NewTicker(alive)
	defer tick.Stop()
	for {
		b := "{}\n"
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stop:
			b, stop = `{"stop":true}`+"\n", nil
		case <-tick.C:
		}
		if _, err := io.WriteString(w, b); err != nil {
			return err
		}
	}
}
