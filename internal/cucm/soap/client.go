// Package soap asks one node of a CUCM one thing over SOAP 1.1, and reads the answer,
// whichever of Tomcat's and Axis's manners it has.
//
// It guarantees that a password goes to no other address than the node's, over TLS to a
// certificate that is trusted, and not again after it was refused (package ledger); that
// no cookie is kept and no redirect followed; that a node which says nothing, or little,
// is given up; that what is held of an answer is bounded, and a file is a stream whose
// bytes are those that the node sent, or an error; and that what a node says is shown
// without secrets and without HTML. It matches the local names of XML without regard to
// case, for releases differ.
//
// It does not know what the services' answers mean. Nothing here was tried on a real CUCM
// (docs/cucm.md).
package soap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"rtmtgrab/internal/httpproxy"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/nodehttp"
	"rtmtgrab/internal/pin"
)

const maxEnvelope = 32 << 20 // 1,000 phones are 1 to 2 MB

// A Pin is the SHA-256 of a node's own certificate (DER).
type Pin = pin.Pin

// A Client says how the nodes of a cluster are reached. It is not changed after its first
// use and safe for concurrent use.
type Client struct {
	Cluster string                 // for errors
	Roots   *x509.CertPool         // nil: the system's
	Pins    []Pin                  // not empty: one of these certificates, whoever signed it
	Proxy   func() (string, error) // as of httpproxy.Of
	Login   *ledger.Login

	FirstByte time.Duration // until an answer begins; zero: 90 s

	// Clock is told of each answer's Date: how far the node's clock is ahead, within a
	// second and half of the time that the answer took. nil: nobody.
	Clock func(node string, ahead time.Duration)
}

// A Target is a node and where it is.
type Target struct {
	Node    string   // its name
	Address string   // host:port
	Names   []string // others that its certificate may be for
}

// A Request is what a node is asked.
type Request struct {
	Service    string // for errors and people: "RIS"
	Path       string // of the URL
	Action     string // SOAPAction, without quotes
	Body       string // the envelope's Body, its contents
	Background bool   // may wait for others: see ledger.Login
}

// Envelope begins and ends what is sent. Prefixes a, d and i are there for bodies.
const (
	envelopeHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://schemas.cisco.com/ast/soap"` +
		` xmlns:d="http://schemas.cisco.com/ast/soap/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><S:Header/><S:Body>`
	envelopeTail = `</S:Body></S:Envelope>`
)

// send makes a request and returns its answer when its head has come. The body ends the
// connection when it is closed, or says too little for too long.
func (c *Client) send(ctx context.Context, t Target, r Request) (*http.Response, error) {
	attempt, err := c.Login.Begin(ctx, r.Background)
	if err != nil {
		return nil, c.loginError(ctx, t, r, err)
	}
	defer attempt.Unknown() // does nothing after another outcome

	proxy, err := httpproxy.Of(c.Proxy)
	if err != nil {
		return nil, c.err(t, r, KindLocal, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+t.Address+r.Path, strings.NewReader(envelopeHead+r.Body+envelopeTail))
	if err != nil {
		return nil, c.err(t, r, KindLocal, err)
	}
	req.Header.Set("Content-Type", "text/xml;charset=UTF-8")
	req.Header.Set("SOAPAction", `"`+r.Action+`"`)
	req.Header.Set("Accept", "text/xml, multipart/related, application/xop+xml, application/octet-stream, */*")
	req.Header.Set("User-Agent", "grab")
	req.SetBasicAuth(c.Login.User, attempt.Password)

	sent, out := time.Now(), atomic.Bool{}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { out.Store(true) }})
	node := nodehttp.Node{Address: t.Address, Names: append([]string{t.Node}, t.Names...), Roots: c.Roots, Pins: c.Pins, Proxy: proxy, FirstByte: c.FirstByte}
	reply, err := node.Do(traced, req)
	if err != nil {
		e := c.transportError(ctx, t, r, err)
		e.Sent = out.Load()
		return nil, e
	}
	c.readClock(t, reply, sent)
	switch {
	case reply.StatusCode == http.StatusUnauthorized:
		attempt.Refused(t.Node)
	case reply.StatusCode == http.StatusOK, reply.StatusCode == http.StatusForbidden, reply.StatusCode == http.StatusInternalServerError:
		attempt.Accepted()
	}
	return reply, nil
}

func (c *Client) readClock(t Target, reply *http.Response, sent time.Time) {
	date, err := http.ParseTime(reply.Header.Get("Date"))
	if err != nil || c.Clock == nil {
		return
	}
	now := time.Now()
	middle := sent.Add(now.Sub(sent) / 2)
	c.Clock(t.Node, date.Add(500*time.Millisecond).Sub(middle)) // a Date is cut to the second
}

func (c *Client) err(t Target, r Request, kind Kind, err error) *Error {
	return &Error{Kind: kind, Cluster: c.Cluster, Node: t.Node, Address: t.Address, Service: r.Service, Err: err}
}

func (c *Client) loginError(ctx context.Context, t Target, r Request, err error) error {
	switch _, blocked := errors.AsType[*ledger.BlockedError](err); {
	case blocked:
		return c.err(t, r, KindBlocked, err)
	case ctx.Err() != nil:
		return c.err(t, r, KindCanceled, context.Cause(ctx))
	}
	return c.err(t, r, KindLocal, err)
}

// transportError is of a request to which no answer came.
func (c *Client) transportError(ctx context.Context, t Target, r Request, err error) *Error {
	if ctx.Err() != nil {
		return c.err(t, r, KindCanceled, context.Cause(ctx))
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return c.err(t, r, KindCertificate, cert.Err)
	}
	return c.err(t, r, KindUnreachable, err)
}
